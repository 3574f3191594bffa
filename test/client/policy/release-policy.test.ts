import t from 'tap';
import type { Code } from '../../../client/format/error.ts';
import type { Component, Manifest } from '../../../client/format/manifest.ts';
import { parsePointer } from '../../../client/format/pointer.ts';
import {
  checkDirection,
  checkRelease,
  chooseManifest,
  type HostFacts,
  isAllowedPath,
} from '../../../client/policy/release-policy.ts';
import { accepted } from '../../support/documents.ts';
import { refusal } from '../../support/refusal.ts';

const WHERE = 'manifest of quantix-os 1.5.0';
const POINTER = parsePointer(accepted('pointer-minimal'));
const DIGEST = '0'.repeat(64);

const HOST: HostFacts = {
  arch: 'x86_64',
  compatible: 'quantix-os',
  profile: 'quantix-os',
  slots: true,
  allowPaths: ['/data/bin/qx-node', '/opt/app/'],
  allowServices: ['quantix-node'],
  installedVersion: '1.4.0',
  floor: 10,
  known: { components: new Map(), products: new Map(), unknown: new Map() },
};

const COMPONENT: Component = {
  name: 'qx-node',
  version: '1.5.0',
  kind: 'file',
  install_path: '/data/bin/qx-node',
  restart_service: 'quantix-node',
  content: { sha256: DIGEST, size: 1 },
  sources: [],
};

const RELEASE: Manifest = {
  type: 'manifest',
  format: 1,
  repository: 'example',
  product: 'quantix-os',
  version: '1.5.0',
  release: 10,
  release_date: '2026-01-01T00:00:00Z',
  update_type: 'component',
  arch: 'any',
  components: [COMPONENT],
};

t.test('a host takes the manifest of its own architecture, else the one for all', (t) => {
  const mine = { sha256: 'a'.repeat(64), size: 1 };
  const all = { sha256: 'b'.repeat(64), size: 2 };
  const choose = (manifests: Record<string, typeof mine>) =>
    chooseManifest(manifests, 'x86_64', WHERE);
  t.same(choose({ any: all, x86_64: mine }), { arch: 'x86_64', descriptor: mine });
  t.same(choose({ any: all, aarch64: mine }), { arch: 'any', descriptor: all });
  const error = refusal(() => choose({ aarch64: mine, riscv64: all }));
  t.match(error, { code: 'not-for-host', expected: 'x86_64', found: 'aarch64, riscv64' });
  t.end();
});

t.test('what an object inherits is no architecture', (t) => {
  t.throws(() => chooseManifest({}, 'toString', WHERE), { code: 'not-for-host' });
  t.end();
});

t.test('the direction of an update, by semantic versions', (t) => {
  const check = (version: string, installed?: string, rollback?: boolean) => () => {
    const to = { ...POINTER, version, ...(rollback === undefined ? {} : { rollback }) };
    checkDirection(to, installed, WHERE);
  };
  check('1.0.0', undefined)();
  check('1.4.0', '1.4.0')();
  check('1.10.0', '1.9.0')();
  check('1.5.0', '1.5.0-dev.3')();
  check('1.0.0', '1.4.0', true)();
  for (const [version, installed] of [
    ['1.3.9', '1.4.0'],
    ['1.5.0-dev.3', '1.5.0'],
    ['1.5.0-dev.2', '1.5.0-dev.10'],
  ] as const) {
    const error = refusal(check(version, installed));
    t.match(error, { code: 'rollback', found: version });
    t.equal(error.expected, `${installed} or later`);
    t.throws(check(version, installed, false), { code: 'rollback' });
  }
  t.end();
});

interface Row {
  name: string;
  release?: Partial<Manifest>;
  component?: Partial<Component>;
  host?: Partial<HostFacts>;
}

function check({ release, component, host }: Row): void {
  const components = [{ ...COMPONENT, ...component }];
  checkRelease({ ...RELEASE, components, ...release }, { ...HOST, ...host }, WHERE);
}

const FITTING: Row[] = [
  { name: 'the release at the floor' },
  { name: 'its own kind of machine', release: { compatible: 'quantix-os' } },
  { name: 'the least version itself', release: { min_version: '1.4.0' } },
  { name: 'no dependency', release: { dependencies: [] } },
  {
    name: 'hooks, which are looked for on the host later',
    component: { hooks: ['drain'] },
  },
  {
    name: 'checks of every known type',
    component: {
      health: [
        { type: 'service' },
        { type: 'service', service: 'quantix-node', steady_seconds: 5 },
        { type: 'tcp', port: 80 },
        { type: 'http', port: 80, path: '/', contains: 'ok' },
        { type: 'command', file: 'any-guests', args: ['now'] },
      ],
    },
  },
  { name: 'a path below an allowed folder', component: { install_path: '/opt/app/x/y' } },
];

t.test('a release that fits', (t) => {
  for (const row of FITTING) t.doesNotThrow(() => check(row), row.name);
  t.end();
});

const REFUSED: (Row & { code: Code; found: RegExp })[] = [
  {
    name: 'a release below the floor',
    release: { release: 9 },
    code: 'rollback',
    found: /release 9 \(1\.5\.0\)/,
  },
  {
    name: 'another kind of machine',
    release: { compatible: 'quantix-vdc' },
    code: 'not-for-host',
    found: /quantix-vdc/,
  },
  {
    name: 'a host that is too old',
    release: { min_version: '1.4.1' },
    code: 'not-for-host',
    found: /1\.4\.0/,
  },
  {
    name: 'a host that nobody knows the version of',
    release: { min_version: '1.0.0' },
    host: { installedVersion: undefined },
    code: 'not-for-host',
    found: /no version/,
  },
  {
    name: 'a dependency',
    release: { dependencies: [{ product: 'x', min_version: '1.0.0' }] },
    code: 'deferred',
    found: /no version/,
  },
  {
    name: 'a system image, on a host without slots',
    host: { slots: false, profile: 'quantix-vdc' },
    release: {
      components: [],
      full_image: {
        content: { sha256: DIGEST, size: 1 },
        sources: [],
        requires_reboot: true,
        target_slot: 'auto',
      },
    },
    code: 'config',
    found: /full_image/,
  },
  {
    name: 'a path that is not allowed',
    component: { install_path: '/usr/bin/sudo' },
    code: 'not-for-host',
    found: /sudo/,
  },
  {
    name: 'a path that only begins like an allowed one',
    component: { install_path: '/data/bin/qx-node2' },
    code: 'not-for-host',
    found: /qx-node2/,
  },
  {
    name: 'an allowed folder itself',
    component: { install_path: '/opt/app' },
    code: 'not-for-host',
    found: /\/opt\/app/,
  },
  {
    name: 'a service that is not allowed',
    component: { restart_service: 'sshd' },
    code: 'not-for-host',
    found: /sshd/,
  },
  {
    name: 'a service check of a service that is not allowed',
    component: { health: [{ type: 'service' }, { type: 'service', service: 'sshd' }] },
    code: 'not-for-host',
    found: /sshd/,
  },
  {
    name: 'a health check of a type that is not known',
    component: {
      health: [
        { type: 'tcp', port: 80 },
        { type: 'grpc', port: 80 },
      ],
    },
    code: 'too-new',
    found: /grpc/,
  },
  {
    name: 'a health check of another host',
    component: { health: [{ type: 'tcp', port: 80, host: 'db.example.com' }] },
    code: 'not-for-host',
    found: /"host" in a check of type "tcp"/,
  },
  {
    name: 'a health check by URL',
    component: {
      health: [{ type: 'http', port: 80, path: '/', x: 1, URL: 'http://127.0.0.1/' }],
    },
    code: 'not-for-host',
    found: /"URL" in a check of type "http"/,
  },
  {
    name: 'a field of a health check that is not known',
    component: { health: [{ type: 'http', port: 80, path: '/', body_sha256: DIGEST }] },
    code: 'too-new',
    found: /"body_sha256"/,
  },
];

t.test('a release that does not fit', (t) => {
  for (const row of REFUSED) {
    const error = refusal(() => check(row));
    t.equal(error.code, row.code, row.name);
    t.match(error.found, row.found, row.name);
    t.ok(error.where, row.name);
  }
  t.end();
});

t.test('the floor is asked before anything else', (t) => {
  const release = { release: 1, compatible: 'toaster' };
  t.equal(refusal(() => check({ name: '', release })).code, 'rollback');
  t.end();
});

t.test('nothing is allowed where nothing is listed', (t) => {
  t.notOk(isAllowedPath('/data/bin/qx-node', []));
  const error = refusal(() => check({ name: '', host: { allowPaths: [] } }));
  t.equal(error.expected, 'none is allowed here');
  t.end();
});
