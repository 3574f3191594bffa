import t from 'tap';
import {
  makeSecretKey,
  type SecretKey,
} from '../../../client/format/minisign/secret-key.ts';
import { publicKeyLine } from '../../../client/format/minisign/public-key.ts';
import { sign, type SignatureBlock } from '../../../client/format/minisign/signature.ts';
import { encodeRoot, parseRoot, type Root } from '../../../client/format/root.ts';
import { firstRoot, nextRoot, verifyRole } from '../../../client/format/trust.ts';
import { refusal, said } from '../../support/refusal.ts';

const key = (number: number): SecretKey =>
  makeSecretKey(Buffer.alloc(8, number), Buffer.alloc(32, number));

const ROOT_A = key(0xa1);
const ROOT_B = key(0xb1);
const ROOT_C = key(0xc1);
const RELEASE = key(0x11);
const CHANNEL = key(0x22);
const STABLE_A = key(0x31);
const STABLE_B = key(0x32);
const SPARE = key(0x44);
const STRANGER = key(0xee);

interface Plan {
  version?: number;
  repository?: string;
  root?: { keys: SecretKey[]; threshold: number };
}

/** A root with every role; "channel/stable" needs two keys, SPARE belongs to none. */
function rootBytes({ version = 1, repository = 'example', root }: Plan = {}): Buffer {
  const owners = root ?? { keys: [ROOT_A, ROOT_B], threshold: 2 };
  const all = [...owners.keys, RELEASE, CHANNEL, STABLE_A, STABLE_B, SPARE];
  const role = (keys: SecretKey[], threshold: number) => ({
    keys: keys.map(({ id }) => id),
    threshold,
  });
  return encodeRoot({
    type: 'root',
    format: 1,
    repository,
    version,
    expires: '2029-01-31T12:00:00Z',
    keys: Object.fromEntries(
      all.map(({ id, publicKey }) => [id, publicKeyLine(publicKey)]),
    ),
    roles: {
      root: role(owners.keys, owners.threshold),
      release: role([RELEASE], 1),
      channel: role([CHANNEL], 1),
      'channel/stable': role([STABLE_A, STABLE_B], 2),
    },
  });
}

const TRUSTED: Root = firstRoot(rootBytes());
const MESSAGE = Buffer.from('a pointer');

const signed = (message: Uint8Array, ...keys: SecretKey[]): SignatureBlock[] =>
  keys.map((secret) => sign(secret, message, { trustedComment: `by ${secret.id}` }));

const verify = (role: string, blocks: SignatureBlock[], message = MESSAGE): string[] =>
  verifyRole(TRUSTED, role, message, blocks, 'stable.json');

t.test('the ids of the keys that signed are returned in the order of the root', (t) => {
  t.strictSame(verify('channel', signed(MESSAGE, CHANNEL)), [CHANNEL.id]);
  const both = signed(MESSAGE, STABLE_B, STABLE_A);
  t.strictSame(verify('channel/stable', both), [STABLE_A.id, STABLE_B.id]);
  t.end();
});

t.test('blocks that do not count do no harm to those that do', (t) => {
  const [good] = signed(MESSAGE, CHANNEL);
  const forged = { ...good, signature: Buffer.alloc(64) } as SignatureBlock;
  const blocks = [forged, ...signed(MESSAGE, STRANGER, RELEASE), good as SignatureBlock];
  t.strictSame(verify('channel', blocks), [CHANNEL.id]);
  t.end();
});

t.test('a key that signs twice counts once', (t) => {
  const twice = [
    ...signed(MESSAGE, STABLE_A, STABLE_A),
    sign(STABLE_A, MESSAGE, { trustedComment: 'later' }),
  ];
  const error = refusal(() => verify('channel/stable', twice));
  t.equal(error.code, 'signature');
  t.match(said(error), `found ${STABLE_A.id} signed`);
  t.end();
});

t.test('a public key that stands under two ids counts once', (t) => {
  // parseRoot refuses such a root; the count must not depend on that.
  const alias = makeSecretKey(Buffer.alloc(8, 0x99), STABLE_A.seed);
  const root: Root = {
    ...TRUSTED,
    keys: { ...TRUSTED.keys, [alias.id]: publicKeyLine(alias.publicKey) },
    roles: { ...TRUSTED.roles, channel: { keys: [STABLE_A.id, alias.id], threshold: 2 } },
  };
  t.equal(refusal(() => parseRoot(encodeRoot(root))).code, 'malformed');
  const error = refusal(() =>
    verifyRole(root, 'channel', MESSAGE, signed(MESSAGE, STABLE_A, alias)),
  );
  t.equal(error.code, 'signature');
  t.end();
});

const BELOW: [reason: string, role: string, blocks: SignatureBlock[], found: string][] = [
  ['nobody signed', 'channel', [], 'no signature'],
  [
    'a key that the root does not know',
    'channel',
    signed(MESSAGE, STRANGER),
    `${STRANGER.id} is not a key of this root`,
  ],
  [
    'a release key on a pointer',
    'channel',
    signed(MESSAGE, RELEASE),
    `${RELEASE.id} signed, but belongs to "release"`,
  ],
  [
    'a channel key on a manifest',
    'release',
    signed(MESSAGE, CHANNEL),
    `${CHANNEL.id} signed, but belongs to "channel"`,
  ],
  [
    'the key of all channels on one with its own',
    'channel/stable',
    signed(MESSAGE, CHANNEL),
    'belongs to "channel"',
  ],
  [
    'a key of no role',
    'channel',
    signed(MESSAGE, SPARE),
    `${SPARE.id} signed, but belongs to no role`,
  ],
  [
    'a signature of another file',
    'channel',
    signed(Buffer.from('x'), CHANNEL),
    `${CHANNEL.id} did not sign these bytes`,
  ],
  ['one of two', 'channel/stable', signed(MESSAGE, STABLE_B), `${STABLE_B.id} signed`],
  [
    'one of two and a stranger',
    'channel/stable',
    signed(MESSAGE, STABLE_B, STRANGER),
    `${STABLE_B.id} signed; ${STRANGER.id} is not`,
  ],
];

t.test('below the threshold it says who was wanted and what there was', (t) => {
  for (const [reason, role, blocks, found] of BELOW) {
    const error = refusal(() => verify(role, blocks));
    t.equal(error.code, 'signature', reason);
    t.equal(error.where, 'stable.json', reason);
    t.match(error.message, `"${role}"`, reason);
    t.match(error.found, found, reason);
  }
  const { expected } = refusal(() => verify('channel/stable', []));
  t.equal(expected, `2 of [${STABLE_A.id}, ${STABLE_B.id}]`);
  t.equal(refusal(() => verify('nobody', [])).code, 'defect');
  t.end();
});

t.test('the next root replaces the trusted one', (t) => {
  const plan = { version: 2, root: { keys: [ROOT_B, ROOT_C], threshold: 2 } };
  const bytes = rootBytes(plan);
  const next = nextRoot(
    TRUSTED,
    bytes,
    signed(bytes, ROOT_A, ROOT_B, ROOT_C),
    'root/2.json',
  );
  t.strictSame(next, parseRoot(bytes));
  t.end();
});

const NEW_OWNERS = { keys: [ROOT_C], threshold: 1 };

const REFUSED: [
  reason: string,
  plan: Plan,
  signers: SecretKey[],
  code: string,
  part: string,
][] = [
  [
    'the same version',
    { version: 1 },
    [ROOT_A, ROOT_B],
    'rollback',
    'expected version 2; found version 1',
  ],
  [
    'a version left out',
    { version: 3 },
    [ROOT_A, ROOT_B],
    'rollback',
    'expected version 2; found version 3',
  ],
  [
    'another repository',
    { version: 2, repository: 'other' },
    [ROOT_A, ROOT_B],
    'malformed',
    'expected example; found other',
  ],
  ['no signature', { version: 2 }, [], 'signature', 'found no signature'],
  [
    'below the old threshold',
    { version: 2 },
    [ROOT_A],
    'signature',
    `found ${ROOT_A.id} signed`,
  ],
  [
    'signed by the release key',
    { version: 2 },
    [RELEASE],
    'signature',
    'belongs to "release"',
  ],
  [
    'the new owners alone',
    { version: 2, root: NEW_OWNERS },
    [ROOT_C],
    'signature',
    'is not a key of this root',
  ],
  [
    'the old owners alone',
    { version: 2, root: NEW_OWNERS },
    [ROOT_A, ROOT_B],
    'signature',
    `expected 1 of [${ROOT_C.id}]`,
  ],
];

t.test('refused roots', (t) => {
  for (const [reason, plan, signers, code, part] of REFUSED) {
    const bytes = rootBytes(plan);
    const error = refusal(() =>
      nextRoot(TRUSTED, bytes, signed(bytes, ...signers), 'root/2.json'),
    );
    t.equal(error.code, code, reason);
    t.match(said(error), part, reason);
    t.equal(error.where, 'root/2.json', reason);
  }
  t.end();
});

t.test('a root that is not sound is refused although its owners signed it', (t) => {
  const bytes = Buffer.from(
    rootBytes({ version: 2 }).toString().replace('"threshold": 2', '"threshold": 3'),
  );
  const error = refusal(() => nextRoot(TRUSTED, bytes, signed(bytes, ROOT_A, ROOT_B)));
  t.equal(error.code, 'malformed');
  const later = Buffer.from(
    rootBytes({ version: 2 }).toString().replace('"format": 1', '"format": 2'),
  );
  t.equal(
    refusal(() => nextRoot(TRUSTED, later, signed(later, ROOT_A, ROOT_B))).code,
    'too-new',
  );
  t.end();
});
