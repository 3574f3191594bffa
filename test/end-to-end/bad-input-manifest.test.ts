import t from 'tap';
import { encodeManifest, type Manifest } from '../../client/format/manifest.ts';
import { manifestPath, signaturePath } from '../../client/format/tree.ts';
import { refuseRows, type Row } from '../support/bad-input.ts';
import {
  at,
  endless,
  flipped,
  nextRelease,
  nextRoot,
  type Publish,
  withFields,
} from '../support/bad-tree.ts';
import type { Forge } from '../support/forge.ts';

const MANIFEST = /manifests\/[0-9a-f]{64}\.json/;
const RELEASE = /manifest of quantix-os 1\.1\.0/;
const DIGEST = /[0-9a-f]{64}/;

type Component = Manifest['components'][number];

/** A good release whose manifest has these fields. */
function manifest(fields: Partial<Manifest>): Publish {
  return (forge) => {
    nextRelease(forge, { manifest: fields });
  };
}

/** Fields that the encoder would refuse. */
function rawManifest(fields: Record<string, unknown>): Publish {
  return (forge) => {
    nextRelease(forge, { editManifest: (bytes) => withFields(bytes, fields) });
  };
}

function component(fields: Partial<Component>): Publish {
  return (forge) => {
    nextRelease(forge, { component: fields });
  };
}

/** The bytes of the published manifest changed behind the pointer's back. */
function storedManifest(change: (bytes: Buffer) => Buffer | null): Publish {
  return (forge) => {
    const { manifest, pointer } = nextRelease(forge);
    const bytes = change(encodeManifest(manifest));
    const path = manifestPath(pointer.manifests.any?.sha256 ?? '');
    if (bytes === null) forge.remove(path);
    else forge.put(path, bytes);
  };
}

function resigned(forge: Forge, signer: Forge['keys']['root'] | null): void {
  const { manifest, pointer } = nextRelease(forge);
  forge.remove(signaturePath(pointer.manifests.any?.sha256 ?? ''));
  forge.manifest(encodeManifest(manifest), signer);
}

const MANIFEST_BYTES: Row[] = [
  {
    name: 'a manifest with one bit turned over',
    publish: storedManifest(flipped),
    exit: 21,
    verified: 'pointer',
    says: { error: /the manifest/, where: MANIFEST, expected: DIGEST, found: DIGEST },
  },
  {
    name: 'a manifest cut short',
    publish: storedManifest((bytes) => bytes.subarray(0, -20)),
    exit: 21,
    verified: 'pointer',
    says: { error: /the manifest/, where: MANIFEST, expected: /bytes/, found: /bytes/ },
  },
  {
    name: 'a manifest that is too long',
    publish: storedManifest((bytes) => Buffer.concat([bytes, Buffer.from('\n')])),
    exit: 21,
    verified: 'pointer',
    says: { error: /longer than the pointer says/, where: MANIFEST, expected: /bytes/ },
  },
  {
    name: 'a manifest without an end',
    publish: (forge) => {
      nextRelease(forge);
      return at(MANIFEST, endless);
    },
    exit: 21,
    verified: 'pointer',
    says: { error: /longer than the pointer says/, where: MANIFEST, expected: /bytes/ },
  },
  {
    name: 'a manifest that is not there',
    publish: storedManifest(() => null),
    exit: 10,
    verified: 'pointer',
    says: { error: /the manifest .* is missing/, where: MANIFEST, hint: /publish/ },
  },
  {
    name: 'a manifest without a signature',
    publish: (forge) => {
      resigned(forge, null);
    },
    exit: 20,
    verified: 'pointer',
    says: { error: /"release"/, where: MANIFEST, expected: /1 of \[0202/, found: /no/ },
  },
  {
    name: 'a manifest signed by the channel key',
    publish: (forge) => {
      resigned(forge, forge.keys.channel);
    },
    exit: 20,
    verified: 'pointer',
    says: {
      error: /"release"/,
      where: MANIFEST,
      expected: /1 of \[0202/,
      found: /0303030303030303.*channel/,
    },
  },
  {
    name: 'a manifest signed by an unknown key',
    publish: (forge) => {
      resigned(forge, forge.keys.stranger);
    },
    exit: 20,
    verified: 'pointer',
    says: { error: /"release"/, where: MANIFEST, expected: /1 of \[0202/, found: /0909/ },
  },
];

const MANIFEST_WORDS: Row[] = [
  ...(['repository', 'product', 'version', 'arch'] as const).map((field): Row => {
    const other = field === 'version' ? '9.9.9' : 'another';
    return {
      name: `a manifest of another ${field}`,
      publish: manifest({ [field]: other }),
      exit: 23,
      verified: 'pointer',
      says: {
        error: new RegExp(`the manifest is of another ${field}`),
        where: MANIFEST,
        expected: /example|quantix-os|1\.1\.0|any/,
        found: new RegExp(other.replaceAll('.', '\\.')),
      },
    };
  }),
  {
    name: 'a manifest of an unknown format',
    publish: rawManifest({ format: 7 }),
    exit: 24,
    verified: 'pointer',
    says: { error: /a format/, where: MANIFEST, expected: /format 1/, found: /format 7/ },
  },
  {
    name: 'a manifest with an unknown critical field',
    publish: rawManifest({ critical: ['sandbox'] }),
    exit: 24,
    verified: 'pointer',
    says: { error: /a critical field/, where: MANIFEST, found: /sandbox/ },
  },
  {
    name: 'a component with no source that this version can read',
    publish: component({
      sources: [{ type: 'full', encoding: 'zstd', sha256: '0'.repeat(64), size: 9 }],
    }),
    exit: 24,
    verified: 'manifest',
    says: { error: /qx-node: no source/, expected: /identity or br/, found: /zstd/ },
  },
  {
    name: 'a release for another kind of machine',
    publish: manifest({ compatible: 'toaster' }),
    exit: 25,
    verified: 'manifest',
    says: {
      error: /another kind of machine/,
      where: RELEASE,
      expected: /quantix-os/,
      found: /toaster/,
    },
  },
  {
    name: 'a release that needs a newer version than the installed one',
    publish: manifest({ min_version: '1.0.5' }),
    exit: 25,
    verified: 'manifest',
    says: {
      error: /needs a newer version/,
      where: RELEASE,
      expected: /1\.0\.5/,
      found: /1\.0\.0/,
    },
  },
  {
    name: 'a release below the floor of the host',
    publish: (forge) => {
      raiseRootFloor(forge);
    },
    rooted: 2,
    exit: 22,
    verified: 'manifest',
    says: {
      error: /below the floor/,
      where: RELEASE,
      expected: /release 7 or higher/,
      found: /release 2 \(1\.1\.0\)/,
    },
  },
  {
    name: 'an install path that the configuration does not allow',
    publish: component({ install_path: '/etc/shadow' }),
    exit: 25,
    verified: 'manifest',
    says: {
      error: /qx-node: this host does not allow that install path/,
      where: RELEASE,
      expected: /\/data\/bin\/qx-node/,
      found: /\/etc\/shadow/,
      hint: /allow_paths/,
    },
  },
  {
    name: 'an install path below an allowed one',
    publish: component({ install_path: '/data/bin/qx-node/inside' }),
    exit: 25,
    verified: 'manifest',
    says: { error: /that install path/, where: RELEASE, found: /inside/ },
  },
  {
    name: 'an install path with ".."',
    publish: (forge) => {
      nextRelease(forge, {
        editManifest: (bytes) =>
          Buffer.from(
            bytes.toString().replace('/data/bin/qx-node', '/data/bin/../../etc/shadow'),
          ),
      });
    },
    exit: 23,
    verified: 'pointer',
    says: { error: /install_path/, where: MANIFEST, expected: /"\.\."/, found: /\.\./ },
  },
  {
    name: 'a service that the configuration does not allow',
    publish: component({ restart_service: 'sshd' }),
    exit: 25,
    verified: 'manifest',
    says: {
      error: /qx-node: this host does not allow that service/,
      where: RELEASE,
      expected: /quantix-node/,
      found: /sshd/,
      hint: /allow_services/,
    },
  },
  {
    name: 'a dependency on a product whose version nobody knows',
    publish: manifest({
      dependencies: [{ product: 'quantix-vdc', min_version: '1.0.0' }],
    }),
    exit: 75,
    verified: 'manifest',
    says: {
      error: /dependency: nothing knows which quantix-vdc there is/,
      where: /./,
      expected: /1\.0\.0/,
      hint: /facts/,
    },
  },
  {
    name: 'a hook that the host does not have',
    publish: component({ hooks: ['move-guests'] }),
    exit: 25,
    verified: 'manifest',
    says: {
      error: /qx-node: a hook is not there/,
      where: /hooks\.d/,
      expected: /"move-guests"/,
      hint: /hosts that have this hook/,
    },
  },
  {
    name: 'a system image for a host that has no slots',
    publish: manifest({
      full_image: {
        content: { sha256: '0'.repeat(64), size: 9 },
        sources: [
          { type: 'full', encoding: 'identity', sha256: '0'.repeat(64), size: 9 },
        ],
        requires_reboot: true,
        target_slot: 'auto',
      },
    }),
    exit: 78,
    verified: 'manifest',
    says: { error: /no slots for a system image/, where: /boot loader/ },
  },
];

function raiseRootFloor(forge: Forge): void {
  nextRoot(forge, { floors: { 'quantix-os': 7 } });
  nextRelease(forge, { pointer: { root: 2 } });
}

t.test('manifests with other bytes', (t) => refuseRows(t, MANIFEST_BYTES));
t.test('manifests that say something else', (t) => refuseRows(t, MANIFEST_WORDS));
