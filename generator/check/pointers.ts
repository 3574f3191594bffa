import { formatTime } from '../../client/format/time.ts';
import type { Effects } from '../../client/effects/effects.ts';
import { QxError } from '../../client/format/error.ts';
import { LIMITS } from '../../client/format/limits.ts';
import { parseSignatures } from '../../client/format/minisign/signature.ts';
import { type Root, channelRole } from '../../client/format/root.ts';
import {
  pointerPath,
  sideSignaturePath,
  signaturePath,
} from '../../client/format/tree.ts';
import { type SignedPointer, readSignedPointer } from '../../client/reader/pointer.ts';
import type { Source } from '../../client/reader/source.ts';
import { isOfTheFuture } from '../release/out-of-reach.ts';
import { type Serials, channelKey } from '../workspace/serials.ts';
import { checkBlocks, meets, signatureBytes } from './blocks.ts';
import type { TreeFile } from './files.ts';
import { type LifeLimits, checkPointerLife } from './life.ts';
import type { Problems } from './problems.ts';

export interface PointerCheck {
  effects: Effects;
  source: Source;
  root: Root;
  /** The current root first, then older ones. */
  roots: readonly Root[];
  /** Null where nobody can list the tree's folders. */
  files: readonly TreeFile[] | null;
  /** What the workspace signed last, where there is one. */
  serials: Serials | null;
  limits: LifeLimits;
  problems: Problems;
}

export type ChannelName = readonly [product: string, channel: string];

/** One pointer with everything around it; undefined when no host would take it. */
export async function checkPointerFile(
  check: PointerCheck,
  [product, channel]: ChannelName,
): Promise<SignedPointer | undefined> {
  const { source, root, problems, limits } = check;
  const path = pointerPath(product, channel);
  const want = { repository: root.repository, product, channel };
  const signed = await problems.attempt(async () =>
    readSignedPointer(source, root, want, await findPointer(source, path)),
  );
  if (signed === undefined) return undefined;
  await problems.attempt(() => checkPointerLife(signed.pointer, limits, path));
  checkClock(check, signed, path);
  checkSerial(check, signed, path);
  await problems.attempt(() => checkSignatureFiles(check, signed));
  return signed;
}

/** That a channel is listed and not there is a fault of the tree. */
async function findPointer(source: Source, path: string) {
  const options = { maxBytes: LIMITS.pointerBytes, fresh: true };
  const fetched = await source.get(path, options);
  if (fetched.status === 'found') return fetched;
  throw new QxError('malformed', 'a pointer is missing', {
    where: path,
    expected: 'a pointer, as repository.json lists this channel',
    found: 'nothing',
  });
}

function checkClock(
  { limits, problems }: PointerCheck,
  signed: SignedPointer,
  where: string,
): void {
  const { issued } = signed.pointer;
  if (!isOfTheFuture(signed.pointer, limits.nowMs)) return;
  problems.warn('stale', 'the pointer was issued in the future', {
    where,
    expected: `issued before ${formatTime(limits.nowMs)}`,
    found: issued,
    hint: 'hosts take the date as their clock: look at the clock of the machine that signed it',
  });
}

/** A run that was cut off may have recorded the next serial and not placed it, hence the one that is free. */
function checkSerial(
  { serials, problems }: PointerCheck,
  signed: SignedPointer,
  where: string,
): void {
  const { product, channel, serial } = signed.pointer;
  const known = serials?.channels[channelKey(product, channel)];
  if (known === undefined || serial > known.serial) return;
  if (serial === known.serial && signed.sha256 === known.sha256) return;
  const details = {
    where,
    expected: `serial ${known.serial} (${known.sha256})`,
    found: `serial ${serial} (${signed.sha256})`,
  };
  if (serial === known.serial - 1) {
    problems.warn('rollback', 'a newer pointer was signed here and not placed', {
      ...details,
      hint: 'run the command that was cut off again',
    });
    return;
  }
  problems.error('rollback', 'not the last pointer that was signed here', {
    ...details,
    hint: 'hosts refuse it: point the channel again, and it gets a higher serial',
  });
}

const LOOKS = 3;
const PAUSE_MS = 500;

/** Over the web somebody may be publishing right now: what does not fit is looked at again. */
async function checkSignatureFiles(
  check: PointerCheck,
  signed: SignedPointer,
): Promise<void> {
  const { effects, files, source } = check;
  for (let look = 1; ; look += 1) {
    const pair = await readPair(source, signed);
    if (look === LOOKS || files !== null || fits(pair)) {
      await judgePair(check, signed, pair);
      return;
    }
    await effects.clock.sleep(PAUSE_MS);
  }
}

interface Pair {
  published: Buffer | null;
  side: Buffer | null;
}

async function readPair(
  source: Source,
  { pointer, sha256 }: SignedPointer,
): Promise<Pair> {
  return {
    published: await signatureBytes(source, signaturePath(sha256)),
    side: await signatureBytes(
      source,
      sideSignaturePath(pointer.product, pointer.channel),
    ),
  };
}

function fits({ published, side }: Pair): boolean {
  return published !== null && side !== null && published.equals(side);
}

async function judgePair(
  check: PointerCheck,
  signed: SignedPointer,
  pair: Pair,
): Promise<void> {
  const { roots, problems } = check;
  const { product, channel } = signed.pointer;
  const { published, side } = pair;
  const path = signaturePath(signed.sha256);
  const where = sideSignaturePath(product, channel);
  if (published === null) {
    problems.warn('signature', 'the pointer is signed beside itself only', {
      where: pointerPath(product, channel),
      expected: path,
      found: 'nothing',
      hint: '"qx-repo sign" publishes the signature under its digest as well, which no host can miss',
    });
  } else {
    const blocks = await problems.attempt(() => parseSignatures(published, path));
    checkBlocks(roots, signed.bytes, blocks ?? [], path, problems);
  }
  if (side === null) {
    problems.warn('signature', 'no signature beside the pointer', {
      where,
      hint: 'people look for it there with the stock program; "qx-repo sign" writes it',
    });
  } else if (published !== null && !published.equals(side)) {
    await judgeSide(check, signed, side, where);
  }
}

async function judgeSide(
  check: PointerCheck,
  signed: SignedPointer,
  side: Buffer,
  where: string,
): Promise<void> {
  const { root, problems } = check;
  const expected = `the bytes of ${signaturePath(signed.sha256)}`;
  if (meets(root, channelRole(root, signed.pointer.channel), signed.bytes, side)) {
    problems.warn('signature', 'two signature files of one pointer differ', {
      where,
      expected,
    });
  } else if (await isOfAnother(check, side)) {
    problems.warn(
      'signature',
      'the signature beside the pointer is of one that was never placed',
      {
        where,
        expected,
        hint: 'run the command that was cut off again',
      },
    );
  } else {
    problems.error('signature', 'the signature beside the pointer is not of its bytes', {
      where,
      expected,
      found: 'other bytes',
      hint: '"qx-repo sign" writes it anew',
    });
  }
}

/** The signature is put under its digest before it is put beside the pointer. */
async function isOfAnother(
  { files, source }: PointerCheck,
  side: Buffer,
): Promise<boolean> {
  const candidates = (files ?? []).filter(
    ({ path, info }) => path.startsWith('signatures/') && info.size === side.length,
  );
  for (const { path } of candidates) {
    if ((await signatureBytes(source, path))?.equals(side) === true) return true;
  }
  return false;
}
