import { formatTime } from '../format/time.ts';
import { QxError } from '../format/error.ts';
import { LIMITS } from '../format/limits.ts';
import type { SignatureBlock } from '../format/minisign/signature.ts';
import type { Root } from '../format/root.ts';
import { nextRoot } from '../format/trust.ts';
import { rootPath } from '../format/tree.ts';
import { untilItsWord } from './ask-again.ts';
import { readSignatures, sha256Hex } from './signatures.ts';
import type { Source } from './source.ts';

export interface AcceptedRoot {
  root: Root;
  bytes: Buffer;
  blocks: SignatureBlock[];
}

/**
 * Step 4: from the root that is trusted to the newest one that the tree has, one version at a time,
 * each signed to the thresholds of both. Ends only where the next one is missing (404 or 403); where there may be
 * more than one run walks, with QxError `deferred`.
 * `accept` stores each root before the next is asked for. A refused root throws and changes nothing.
 */
export async function walkRoots(
  source: Source,
  trusted: Root,
  accept: (accepted: AcceptedRoot) => Promise<void>,
  signal?: AbortSignal,
): Promise<Root> {
  let root = trusted;
  for (let step = 0; step < LIMITS.rootStepsPerRun; step += 1) {
    const trustedSoFar = root;
    const next = await untilItsWord(source, signal, (heard) =>
      readNextRoot(heard, trustedSoFar, signal),
    );
    if (next === null) return root;
    await accept(next);
    root = next.root;
  }
  throw new QxError('deferred', 'roots: there are more trust roots than one run walks', {
    where: rootPath(root.version + 1),
    expected: `${LIMITS.rootStepsPerRun} at the most`,
    found: `roots ${trusted.version + 1} to ${root.version}, accepted`,
    hint: 'the next run goes on from there',
  });
}

/** The root after `trusted`, null where there is none. */
async function readNextRoot(
  source: Source,
  trusted: Root,
  signal: AbortSignal | undefined,
): Promise<AcceptedRoot | null> {
  const path = rootPath(trusted.version + 1);
  const options = { maxBytes: LIMITS.rootBytes, fresh: true, signal };
  const fetched = await source.get(path, options);
  if (fetched.status !== 'found') return null;
  const { bytes, url } = fetched;
  const blocks = await readSignatures(source, sha256Hex(bytes), signal);
  return { root: nextRoot(trusted, bytes, blocks, url), bytes, blocks };
}

/** An expired root signs nothing any more: QxError `stale`. */
export function checkRootExpiry(root: Root, now: number): void {
  if (Date.parse(root.expires) > now) return;
  throw new QxError('stale', `the trust root ${root.version} has expired`, {
    where: rootPath(root.version),
    expected: `expires after ${formatTime(now)}`,
    found: root.expires,
    hint: 'the publisher must make a new root (qx-repo root); is the clock of this host right',
  });
}
