import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import t from 'tap';
import { blake2b } from '../../../client/format/minisign/blake2b.ts';
import {
  publicKeyOfSeed,
  signEd25519,
  verifyEd25519,
} from '../../../client/format/minisign/ed25519.ts';
import { isWeakPublicKey } from '../../../client/format/minisign/small-order.ts';
import { seeded } from '../../support/seeded.ts';

interface Wycheproof {
  numberOfTests: number;
  testGroups: {
    publicKey: { pk: string };
    tests: { tcId: number; comment: string; msg: string; sig: string; result: string }[];
  }[];
}

const hex = (text: string): Buffer => Buffer.from(text, 'hex');

t.test(
  'every Ed25519 vector of Wycheproof gets the verdict that stands beside it',
  (t) => {
    const file = new URL('../../vectors/wycheproof/ed25519_test.json', import.meta.url);
    const vectors = JSON.parse(readFileSync(file, 'utf8')) as Wycheproof;
    let count = 0;
    for (const { publicKey, tests } of vectors.testGroups) {
      t.notOk(
        isWeakPublicKey(hex(publicKey.pk)),
        `key ${publicKey.pk.slice(0, 8)} is accepted`,
      );
      for (const { tcId, comment, msg, sig, result } of tests) {
        const verdict = verifyEd25519(hex(publicKey.pk), hex(msg), hex(sig));
        t.equal(verdict, result === 'valid', `${tcId} ${comment} is ${result}`);
        count += 1;
      }
    }
    t.equal(count, 151);
    t.equal(count, vectors.numberOfTests);
    t.end();
  },
);

t.test('the first vector of RFC 8032 is made and verified', (t) => {
  const seed = hex('9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60');
  const key = hex('d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a');
  const signature = hex(
    'e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e065224901555fb8821590a33bacc61e39701cf9b46bd25bf5f0595bbe24655141438e7a100b',
  );
  t.strictSame(publicKeyOfSeed(seed), key);
  t.strictSame(signEd25519(seed, Buffer.alloc(0)), signature);
  t.ok(verifyEd25519(key, Buffer.alloc(0), signature));
  t.end();
});

// y of the points of small order, and the y of 2^255 - 19 and above that are read as one of them.
const WEAK: [what: string, y: string][] = [
  ['y = 0, order 4', '00'.repeat(32)],
  ['y = 1, the neutral element', `01${'00'.repeat(31)}`],
  ['y = -1, order 2', `ec${'ff'.repeat(30)}7f`],
  ['order 8', '26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05'],
  [
    'order 8, the other y',
    'c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a',
  ],
  ['p, read as 0', `ed${'ff'.repeat(30)}7f`],
  ['p + 1, read as 1', `ee${'ff'.repeat(30)}7f`],
];

t.test('keys of small order are weak in every encoding, others are not', (t) => {
  for (const [what, y] of WEAK) {
    const other = hex(y);
    other.writeUInt8((other[31] ?? 0) | 0x80, 31);
    t.ok(isWeakPublicKey(hex(y)), what);
    t.ok(isWeakPublicKey(other), `${what}, with the other sign of x`);
  }
  t.ok(isWeakPublicKey(hex('ff'.repeat(32))), 'a y that is no number below p');
  const chance = seeded(8032);
  for (let index = 0; index < 100; index += 1) {
    t.notOk(isWeakPublicKey(publicKeyOfSeed(chance.bytes(32))));
  }
  t.end();
});

t.test('why weak keys are refused: one signature fits every message', (t) => {
  const neutral = hex(`01${'00'.repeat(31)}`);
  const signature = Buffer.concat([neutral, Buffer.alloc(32)]);
  t.ok(verifyEd25519(neutral, Buffer.from('one'), signature));
  t.ok(verifyEd25519(neutral, Buffer.from('another'), signature));
  t.end();
});

t.test(
  'BLAKE2b agrees with OpenSSL in 512 bits and with RFC-conforming tools in 256',
  (t) => {
    const chance = seeded(7693);
    for (const length of [0, 1, 3, 64, 127, 128, 129, 255, 256, 257, 1000]) {
      const data = chance.bytes(length);
      const expected = createHash('blake2b512').update(data).digest();
      t.strictSame(blake2b(data, 64), expected, `${length} bytes`);
    }
    t.equal(
      blake2b(Buffer.from('abc'), 32).toString('hex'),
      'bddd813c634239723171ef3fee98579b94964e3bb1cb3e427262c8c068d52319',
    );
    t.end();
  },
);
