import t from 'tap';
import { publicKeyLine } from '../../client/format/minisign/public-key.ts';
import type { SecretKey } from '../../client/format/minisign/secret-key.ts';
import {
  encodeSignatures,
  sign,
  type SignatureBlock,
} from '../../client/format/minisign/signature.ts';
import { encodePointer } from '../../client/format/pointer.ts';
import {
  pointerPath,
  sideSignaturePath,
  signaturePath,
} from '../../client/format/tree.ts';
import { refuseRows, type Row } from '../support/bad-input.ts';
import { flipped, nextRelease, nextRoot, type Publish } from '../support/bad-tree.ts';
import { type Forge, fixedKey, sha256 } from '../support/forge.ts';

const POINTER = /channels\/quantix-os\/stable\.json/;
const SIGNATURE = /signatures\/[0-9a-f]{64}\.minisig|stable\.json\.minisig/;

/** A good pointer, with what `make` gives as its signature file; null is none at all. */
function signedAs(
  make: (forge: Forge, bytes: Buffer) => string | Uint8Array | null,
): Publish {
  return (forge) => {
    const bytes = encodePointer(nextRelease(forge).pointer);
    forge.pointer(bytes, null);
    const file = signaturePath(sha256(bytes));
    const signature = make(forge, bytes);
    if (signature === null) forge.remove(file);
    else forge.put(file, signature);
  };
}

const block = (key: SecretKey, bytes: Uint8Array): SignatureBlock =>
  sign(key, bytes, { trustedComment: 'timestamp:0' });

const by = (key: SecretKey, bytes: Uint8Array): Buffer =>
  encodeSignatures([block(key, bytes)]);

/** The same block with `Ed` for `ED`: what minisign without -H would take. */
function legacy(signature: Buffer): string {
  const [first = '', second = '', ...rest] = signature.toString().split('\n');
  const body = Buffer.from(second, 'base64');
  body.write('Ed', 0, 'latin1');
  return [first, body.toString('base64'), ...rest].join('\n');
}

const TOO_FEW = /too few valid signatures for the role "channel"/;

const ROWS: Row[] = [
  {
    name: 'a pointer without a signature',
    publish: signedAs(() => null),
    exit: 20,
    says: {
      error: /the pointer is not signed/,
      where: POINTER,
      expected: /signatures\/.*minisig/,
      found: /neither/,
    },
  },
  {
    name: 'the signature of another file',
    publish: signedAs(({ keys }) => by(keys.channel, Buffer.from('another file'))),
    exit: 20,
    says: { error: TOO_FEW, where: POINTER, expected: /1 of \[0303/, found: /0303/ },
  },
  {
    name: 'a signature by an unknown key',
    publish: signedAs(({ keys }, bytes) => by(keys.stranger, bytes)),
    exit: 20,
    says: { error: TOO_FEW, where: POINTER, expected: /1 of \[0303/, found: /0909/ },
  },
  {
    name: 'a signature by an unknown key that has the id of the known one',
    publish: signedAs(({ keys }, bytes) =>
      by({ ...fixedKey(9), id: keys.channel.id, idBytes: keys.channel.idBytes }, bytes),
    ),
    exit: 20,
    says: { error: TOO_FEW, where: POINTER, expected: /1 of \[0303/, found: /0303/ },
  },
  {
    name: 'a pointer signed by the release key',
    publish: signedAs(({ keys }, bytes) => by(keys.release, bytes)),
    exit: 20,
    says: {
      error: TOO_FEW,
      where: POINTER,
      expected: /1 of \[0303/,
      found: /0202020202020202.*release/,
    },
  },
  {
    name: 'a legacy Ed signature',
    publish: signedAs(({ keys }, bytes) => legacy(by(keys.channel, bytes))),
    exit: 20,
    says: { error: /Ed|legacy/, where: SIGNATURE, expected: /ED/, found: /Ed/ },
  },
  {
    name: 'a trusted comment that was changed',
    publish: signedAs(({ keys }, bytes) =>
      by(keys.channel, bytes).toString().replace('timestamp:0', 'timestamp:9'),
    ),
    exit: 20,
    says: { error: TOO_FEW, where: POINTER, expected: /1 of \[0303/, found: /0303/ },
  },
  {
    name: 'one bit of a signature turned over',
    publish: signedAs(({ keys }, bytes) => {
      const made = block(keys.channel, bytes);
      return encodeSignatures([{ ...made, signature: flipped(made.signature) }]);
    }),
    exit: 20,
    says: { error: TOO_FEW, where: POINTER, expected: /1 of \[0303/, found: /0303/ },
  },
  {
    name: 'one bit of a signed pointer turned over',
    publish: (forge) => {
      const bytes = encodePointer(nextRelease(forge).pointer);
      forge.put(pointerPath('quantix-os', 'stable'), flipped(bytes));
      forge.put(sideSignaturePath('quantix-os', 'stable'), by(forge.keys.channel, bytes));
    },
    exit: 20,
    says: { error: TOO_FEW, where: POINTER, expected: /1 of \[0303/, found: /0303/ },
  },
  {
    name: 'a signature file that is none',
    publish: signedAs(() => 'nothing to see here\n'),
    exit: 23,
    says: { error: /signature/, where: SIGNATURE },
  },
  {
    name: 'a signature that is cut short',
    publish: signedAs(({ keys }, bytes) => by(keys.channel, bytes).subarray(0, 120)),
    exit: 23,
    says: { error: /signature/, where: SIGNATURE },
  },
  {
    name: 'a signature file of 17 KiB',
    publish: signedAs(() => 'x'.repeat(17 * 1024)),
    exit: 23,
    says: { error: /longer than it may be/, where: SIGNATURE, expected: /16384 bytes/ },
  },
  {
    name: 'one signature where two keys must sign, made twice',
    publish: (forge) => {
      needTwo(forge);
      const bytes = encodePointer({ ...nextRelease(forge).pointer, root: 2 });
      const once = block(forge.keys.channel, bytes);
      const again = sign(forge.keys.channel, bytes, { trustedComment: 'once more' });
      forge.pointer(bytes, null);
      forge.put(signaturePath(sha256(bytes)), encodeSignatures([once, again]));
    },
    exit: 20,
    rooted: 2,
    says: { error: TOO_FEW, where: POINTER, expected: /2 of \[/, found: /0303/ },
  },
];

/** Root 2, well signed, asks for two keys on every pointer. */
function needTwo(forge: Forge): void {
  const { channel, stranger } = forge.keys;
  const keys = { ...forge.root.keys, [stranger.id]: publicKeyLine(stranger.publicKey) };
  const role = { keys: [channel.id, stranger.id], threshold: 2 };
  const roles = { ...forge.root.roles, channel: role };
  nextRoot(forge, { keys, roles });
}

t.test('signatures of a pointer', (t) => refuseRows(t, ROWS));
