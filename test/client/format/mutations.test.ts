import { createHash } from 'node:crypto';
import { isDeepStrictEqual } from 'node:util';
import t from 'tap';
import {
  encodeClientState,
  parseClientState,
} from '../../../client/format/client-state.ts';
import { QxError } from '../../../client/format/error.ts';
import { encodeManifest, parseManifest } from '../../../client/format/manifest.ts';
import {
  makeSecretKey,
  type SecretKey,
} from '../../../client/format/minisign/secret-key.ts';
import {
  encodeSignatures,
  parseSignatures,
  sign,
  verifyBlock,
  type SignatureBlock,
} from '../../../client/format/minisign/signature.ts';
import { encodePointer, parsePointer } from '../../../client/format/pointer.ts';
import {
  encodeReleasePage,
  encodeRepositoryIndex,
  parseReleasePage,
  parseRepositoryIndex,
} from '../../../client/format/repository-index.ts';
import { encodeRoot, parseRoot } from '../../../client/format/root.ts';
import { verifyRole } from '../../../client/format/trust.ts';
import { accepted, acceptedNames } from '../../support/documents.ts';
import { mutateBytes, mutateJson, pick } from '../../support/mutate.ts';
import { seeded } from '../../support/seeded.ts';

const DOCUMENTS = 10_000;
const SIGNATURES = 2_000;
const LIMIT_MS = 2_000;

const seed = Number(process.env['QX_TEST_SEED'] ?? '20260131');
t.setTimeout(300_000);
t.comment(`seed ${seed}; QX_TEST_SEED=n chooses another`);

/** Reads, writes and reads again: both values. */
type Cycle = (bytes: Uint8Array) => [unknown, unknown];

function cycle<T>(parse: (bytes: Uint8Array) => T, encode: (value: T) => Buffer): Cycle {
  return (bytes) => {
    const value = parse(bytes);
    return [value, parse(encode(value))];
  };
}

const CYCLES: Readonly<Record<string, Cycle>> = {
  root: cycle(parseRoot, encodeRoot),
  pointer: cycle(parsePointer, encodePointer),
  manifest: cycle(parseManifest, encodeManifest),
  repository: cycle(parseRepositoryIndex, encodeRepositoryIndex),
  client: cycle(parseClientState, encodeClientState),
  releases: cycle(parseReleasePage, encodeReleasePage),
};

/** The secret keys of the vectors are made of their names. */
function vectorKey(name: string): SecretKey {
  const digest = (what: string): Buffer =>
    createHash('sha256').update(`vector ${what} ${name}`).digest();
  return makeSecretKey(digest('id').subarray(0, 8), digest('key'));
}

const ROOT = parseRoot(accepted('root-full'));
const ROLES: Readonly<Record<string, { role: string; keys: SecretKey[] }>> = {
  root: { role: 'root', keys: [vectorKey('root-a'), vectorKey('root-b')] },
  pointer: {
    role: 'channel/stable',
    keys: [vectorKey('channel-a'), vectorKey('channel-b')],
  },
  manifest: { role: 'release', keys: [vectorKey('release-a')] },
};

function signAll(bytes: Buffer, keys: SecretKey[]): SignatureBlock[] {
  const options = { untrustedComment: 'by a test', trustedComment: 'time:1769860800' };
  return keys.map((key) => sign(key, bytes, options));
}

interface Vector {
  name: string;
  bytes: Buffer;
  cycle: Cycle;
  role: string;
  keys: SecretKey[];
  blocks: SignatureBlock[];
}

const VECTORS: Vector[] = acceptedNames().map((name) => {
  const bytes = accepted(name);
  const type = name.split('-')[0] ?? '';
  const { role, keys } = ROLES[type] ?? { role: '', keys: [] };
  const own = CYCLES[type];
  if (own === undefined) throw new Error(`no parser for ${name}`);
  return { name, bytes, cycle: own, role, keys, blocks: signAll(bytes, keys) };
});

/** What `action` gives, or the QxError that it throws; anything else and slowness are thrown on. */
function outcome<T>(action: () => T): T | QxError {
  const start = process.cpuUsage();
  try {
    return action();
  } catch (error) {
    if (error instanceof QxError) return error;
    throw error;
  } finally {
    const { user } = process.cpuUsage(start);
    if (user > LIMIT_MS * 1000) throw new Error(`took ${user / 1000} ms`);
  }
}

/** Null, or what went wrong with a mutated document. */
function judge(vector: Vector, bytes: Buffer, count: () => void): string | null {
  const values = outcome(() => vector.cycle(bytes));
  const valid = !(values instanceof QxError);
  if (valid) count();
  if (valid && !isDeepStrictEqual(values[0], values[1])) return 'is written as another';
  if (vector.blocks.length === 0 || bytes.equals(vector.bytes)) return null;
  return covers(vector, bytes, valid)
    ? 'is covered by a signature of the original'
    : null;
}

/** A valid body is held against all keys of its role, as a host does; others against one, for time. */
function covers(vector: Vector, bytes: Buffer, valid: boolean): boolean {
  const [block] = vector.blocks;
  const [key] = vector.keys;
  if (!valid) return !block || !key || verifyBlock(block, key.publicKey, bytes);
  const result = outcome(() => verifyRole(ROOT, vector.role, bytes, vector.blocks));
  return !(result instanceof QxError && result.code === 'signature');
}

t.test('a mutated document is valid or refused, and no signature covers it', (t) => {
  const chance = seeded(seed);
  let taken = 0;
  for (let left = DOCUMENTS; left > 0; left -= 1) {
    const vector = pick(chance, VECTORS);
    const mutate = chance.below(2) === 0 ? mutateBytes : mutateJson;
    const bytes = mutate(chance, vector.bytes, pick(chance, VECTORS).bytes);
    const fault = judge(vector, bytes, () => (taken += 1));
    if (fault !== null) t.fail(`${vector.name} ${fault}: ${bytes.toString('base64')}`);
  }
  t.comment(`${taken} of ${DOCUMENTS} were valid`);
  t.ok(taken > DOCUMENTS / 50 && taken < DOCUMENTS / 2, 'some are valid, most are not');
  t.end();
});

/** Everything of a block that verification reads. */
function signedPart(block: SignatureBlock): string {
  const { idBytes, signature, trustedComment, globalSignature } = block;
  const parts = [idBytes, signature, trustedComment, globalSignature];
  return Buffer.concat(parts).toString('hex');
}

t.test('a mutated signature is refused, but for its untrusted comment', (t) => {
  const chance = seeded(seed + 1);
  const body = accepted('pointer-full');
  const { role, keys } = ROLES['pointer'] ?? { role: '', keys: [] };
  const blocks = signAll(body, keys);
  const original = encodeSignatures(blocks);
  t.equal(verifyRole(ROOT, role, body, parseSignatures(original)).length, 2);
  let taken = 0;
  for (let left = SIGNATURES; left > 0; left -= 1) {
    const bytes = mutateBytes(chance, original, chance.below(2) === 0 ? original : body);
    const parsed = outcome(() => parseSignatures(bytes));
    if (parsed instanceof QxError) continue;
    const again = parseSignatures(encodeSignatures(parsed));
    if (!isDeepStrictEqual(again, parsed)) t.fail(bytes.toString('base64'));
    if (outcome(() => verifyRole(ROOT, role, body, parsed)) instanceof QxError) continue;
    taken += 1;
    const parts = parsed.map(signedPart);
    const same = blocks.every((block) => parts.includes(signedPart(block)));
    if (!same) t.fail(`a mutated signature was taken: ${bytes.toString('base64')}`);
  }
  t.comment(`${taken} of ${SIGNATURES} still said the same`);
  t.ok(taken > SIGNATURES / 200 && taken < SIGNATURES / 2);
  t.end();
});
