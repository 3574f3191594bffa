import { QxError } from '../../client/format/error.ts';
import { LIMITS } from '../../client/format/limits.ts';
import type { Root } from '../../client/format/root.ts';
import { rootPath } from '../../client/format/tree.ts';
import { firstRoot, verifyRole } from '../../client/format/trust.ts';
import { type AcceptedRoot, walkRoots } from '../../client/reader/roots.ts';
import { readSignatures, sha256Hex } from '../../client/reader/signatures.ts';
import type { Source } from '../../client/reader/source.ts';
import type { Problems } from './problems.ts';

/** A root that is trusted from elsewhere than the tree. */
export interface PinnedRoot {
  root: Root;
  bytes: Buffer;
}

export interface CheckedRoots {
  /** The current one. */
  root: Root;
  /** From the oldest that is trusted to the current one. */
  chain: AcceptedRoot[];
}

/**
 * The chain of roots, from the pinned one or, where none is pinned, from root 1 as it is found.
 * What is wrong with it is a problem; only a tree without any root throws (QxError `malformed`).
 */
export async function checkRoots(
  source: Source,
  pinned: PinnedRoot | null,
  problems: Problems,
): Promise<CheckedRoots> {
  const first = await readFirst(source, problems);
  if (first === null && pinned === null) throw noRoot(source);
  const chain = first === null ? [] : await walkAll(source, first, problems);
  if (pinned === null || isPartOf(pinned, chain)) return current(chain);
  reportForeign(pinned, chain, problems);
  return current(await walkAll(source, { ...pinned, blocks: [] }, problems));
}

function current(chain: AcceptedRoot[]): CheckedRoots {
  const last = chain.at(-1);
  if (last === undefined) throw new QxError('defect', 'a chain without a root');
  return { root: last.root, chain };
}

/** Root 1, which signs itself: nobody vouches for it but whoever pins it. */
async function readFirst(
  source: Source,
  problems: Problems,
): Promise<AcceptedRoot | null> {
  const path = rootPath(1);
  const fetched = await source.get(path, { maxBytes: LIMITS.rootBytes, fresh: true });
  if (fetched.status !== 'found') return null;
  const { bytes, url } = fetched;
  const root = firstRoot(bytes, url);
  if (root.version !== 1) {
    problems.error('malformed', 'root 1 is of another version', {
      where: path,
      expected: 'version 1',
      found: `version ${root.version}`,
    });
  }
  const blocks =
    (await problems.attempt(() => readSignatures(source, sha256Hex(bytes)))) ?? [];
  await problems.attempt(() => verifyRole(root, 'root', bytes, blocks, url));
  return { root, bytes, blocks };
}

async function walkAll(
  source: Source,
  from: AcceptedRoot,
  problems: Problems,
): Promise<AcceptedRoot[]> {
  const chain = [from];
  const step = (): Promise<Root> =>
    walkRoots(source, chain.at(-1)?.root ?? from.root, (accepted) => {
      chain.push(accepted);
      return Promise.resolve();
    });
  for (let before = 0; before < chain.length;) {
    before = chain.length;
    if ((await problems.attempt(step)) === undefined) break;
  }
  return chain;
}

function isPartOf(pinned: PinnedRoot, chain: readonly AcceptedRoot[]): boolean {
  return chain.some(({ bytes }) => bytes.equals(pinned.bytes));
}

function reportForeign(
  pinned: PinnedRoot,
  chain: readonly AcceptedRoot[],
  problems: Problems,
): void {
  const { version } = pinned.root;
  const newest = chain.at(-1)?.root.version ?? 0;
  const where = rootPath(version);
  if (newest < version) {
    problems.error('stale', 'a newer trust root is withheld', {
      where,
      expected: `the pinned root ${version}`,
      found: newest === 0 ? 'no root 1' : `roots up to ${newest}`,
    });
    return;
  }
  problems.error('signature', 'the trust root of the tree is not the pinned one', {
    where,
    expected: sha256Hex(pinned.bytes),
    found: chain
      .filter(({ root }) => root.version === version)
      .map(({ bytes }) => sha256Hex(bytes))
      .join(', '),
    hint: 'this tree belongs to somebody else, or its keys were replaced without the old ones',
  });
}

function noRoot(source: Source): QxError {
  return new QxError('malformed', 'not a tree: it has no trust root', {
    where: source.base,
    expected: rootPath(1),
    found: 'nothing',
    hint: 'name the folder or the URL in which root/, channels/ and manifests/ lie',
  });
}
