import type { ClientState, RepositoryMemory } from './format/client-state.ts';
import { newRepositoryMemory } from './format/client-state.ts';
import { QxError } from './format/error.ts';
import type { Pointer } from './format/pointer.ts';
import type { Root } from './format/root.ts';
import { pointerPath } from './format/tree.ts';
import {
  isDue,
  trustedNow,
  underRoot,
  withPointer,
  withRootsChecked,
} from './policy/memory.ts';
import { isOldButCounts } from './policy/medium.ts';
import { checkSerial } from './policy/pointer-policy.ts';
import { unlessLateTwice } from './reader/ask-again.ts';
import { mostTelling } from './reader/mirrors.ts';
import {
  checkPointer,
  checkPointerExpiry,
  fetchPointer,
  isPointerSigned,
  readSignedPointer,
  type SignedPointer,
  type WantedPointer,
} from './reader/pointer.ts';
import { checkRootExpiry, walkRoots } from './reader/roots.ts';
import { sha256Hex } from './reader/signatures.ts';
import { shownAt, type Source } from './reader/source.ts';
import type { Session } from './session.ts';
import { readState, writeState } from './state/state-store.ts';
import {
  pointerFile,
  pointerSlot,
  readRootVersion,
  readSeenPointer,
  readTrustedRoot,
  storeDocument,
  storeRoot,
} from './state/trust-store.ts';

/** What steps 2 to 6 know when they are done: everything in it is verified. */
export interface Trusted {
  state: ClientState;
  root: Root;
  pointer: Pointer;
  /** For messages: where the pointer came from. */
  where: string;
  /** What counts as now: no earlier than what is known for certain. */
  nowMs: number;
}

/** What the looks of one run at several mirrors have in common. */
interface Looks {
  /** A day has passed: every mirror is asked what it has. */
  due: boolean;
  /** The newest root that was accepted, from whichever mirror. */
  rootVersion: number;
}

/**
 * Steps 2 to 6 of README.md at one mirror after the other, until one has an acceptable pointer. Once a day the others
 * are looked at as well: one that serves yesterday is told only by one that does not.
 */
export async function lookAtChannel(session: Session): Promise<Trusted> {
  const { mirrors } = session;
  const looks: Looks = { due: false, rootVersion: 0 };
  const refusals: QxError[] = [];
  let best: { source: Source; trusted: Trusted } | null = null;
  for (const source of mirrors.inOrder()) {
    try {
      const trusted = await unlessLateTwice(source, session.signal, () =>
        lookAt(session, source, looks),
      );
      if (best !== null && isBehind(best.trusted, trusted))
        mirrors.refuse(best.source, behindError(best.trusted, trusted));
      best = { source, trusted };
    } catch (error) {
      refusals.push(mirrors.refuse(source, error, { quietly: best !== null }));
      // Accepted under a root that is not the newest any more.
      if (best !== null && best.trusted.root.version < looks.rootVersion) best = null;
    }
    if (best !== null && !looks.due) break;
  }
  if (best === null) throw mostTelling(refusals);
  return best.trusted;
}

function isBehind(one: Trusted, other: Trusted): boolean {
  return (
    one.pointer.serial < other.pointer.serial || one.root.version < other.root.version
  );
}

function behindError(one: Trusted, other: Trusted): QxError {
  const standing = ({ pointer, root }: Trusted): string =>
    `serial ${pointer.serial}, root ${root.version}`;
  return new QxError('stale', 'this mirror is behind another one', {
    where: one.where,
    expected: `${standing(other)}, as ${other.where} has it`,
    found: standing(one),
  });
}

/** Steps 2 to 6 at one mirror. What is refused changes nothing but the roots that were rightly accepted before it. */
async function lookAt(session: Session, source: Source, looks: Looks): Promise<Trusted> {
  const { fx, config, signal } = session;

  // 2. State and trust store.
  const { state, memory: kept, pinned, trusted } = await recall(session);
  const { product, channel } = config;
  const want = { repository: pinned.repository, product, channel };
  const known = await storedPointer(session, kept, want);

  // 3. The pointer, fetched and not looked into; once a day whatever is known of it. Else a cache that gave an old one
  // under the tag of the new one, once, would be told "unchanged" by everybody ever after.
  const clock = fx.clock.now();
  looks.due ||= isDue(kept.root_checked, clock);
  const how = looks.due ? { fresh: true } : known?.request;
  const fetched = await fetchPointer(source, want, { ...how, signal });
  const unchanged =
    fetched.status === 'unchanged' || sha256Hex(fetched.bytes) === known?.sha256;

  // 4. The roots, when the pointer has other bytes or a day has passed.
  const walks = looks.due || !unchanged;
  const root = walks ? await newestRoot(session, source, trusted, looks) : trusted;
  const same = kept.root_version === root.version;
  const before = same ? root : await readRootVersion(fx.files, config, kept.root_version);
  const memory = underRoot(kept, before, root, clock);
  const rooted =
    memory === kept ? state : await remember(session, state, want.repository, memory);
  const nowMs = trustedNow(clock, memory);
  checkRootExpiry(root, nowMs);

  // 5. The pointer under the current root, the stored one as well.
  const where =
    fetched.status === 'found'
      ? fetched.url
      : shownAt(source, pointerPath(product, channel));
  const signed =
    unchanged && known !== null
      ? await checkKnown(session, source, root, want, known, where)
      : await readSignedPointer(source, root, want, asFound(fetched), signal);
  if (known?.sha256 !== signed.sha256 && (await countsStill(session, root, want, known)))
    checkSerial(memory.pointers[pointerSlot(want)], signed.pointer, signed.sha256, where);
  await checkAge(session, signed.pointer, nowMs, where);

  // 6. Serial and digest stored, after the bytes that they stand for.
  const isNew = !unchanged || signed.blocks !== known?.blocks;
  if (isNew) {
    const file = pointerFile(config.stateDir, product, channel);
    await storeDocument(fx.files, file, signed);
  }
  const checked = walks ? withRootsChecked(memory, clock) : memory;
  const validators =
    fetched.status === 'found' ? fetched : (known?.request.conditional ?? {});
  const next = isNew
    ? withPointer(checked, pointerSlot(want), signed, validators)
    : checked;
  const remembered =
    next === memory ? rooted : await remember(session, rooted, want.repository, next);
  return { state: remembered, root, pointer: signed.pointer, where, nowMs };
}

/** Step 2. */
async function recall({ fx, config }: Session): Promise<{
  state: ClientState;
  memory: RepositoryMemory;
  pinned: Root;
  trusted: Root;
}> {
  const { stateDir, trustRoot } = config;
  const state = await readState(fx.files, stateDir);
  const { pinned, trusted } = await readTrustedRoot(fx.files, stateDir, trustRoot);
  const memory =
    state.repositories[pinned.repository] ?? newRepositoryMemory(trusted.version);
  return { state, memory, pinned, trusted };
}

/** Step 5: what comes over a network must be fresh; what a person brought may be old, and that is said. */
async function checkAge(
  { config, out, log }: Session,
  pointer: Pointer,
  nowMs: number,
  where: string,
): Promise<void> {
  if (!config.medium) {
    checkPointerExpiry(pointer, nowMs, where);
    return;
  }
  if (!isOldButCounts(pointer, nowMs, where)) return;
  const { issued, expires } = pointer;
  const what = `the pointer on this medium is old: issued ${issued}, expired ${expires}`;
  out.warn(what);
  await log('medium-old', `${what} (${where})`);
}

/** Step 4: the newest root that this mirror leads to. QxError `deferred` when there may be more of them. */
async function newestRoot(
  session: Session,
  source: Source,
  trusted: Root,
  looks: Looks,
): Promise<Root> {
  const { fx, config, signal } = session;
  return walkRoots(
    source,
    trusted,
    async ({ root, bytes }) => {
      await storeRoot(fx.files, config.stateDir, root, bytes);
      looks.rootVersion = root.version;
      await session.log('root-accepted', `trust root ${root.version} accepted`);
    },
    signal,
  );
}

interface KnownPointer {
  bytes: Buffer;
  sha256: string;
  blocks: SignedPointer['blocks'];
  request: { conditional?: { etag?: string; lastModified?: string } };
}

/** The pointer that was accepted last, if the copy on the disk is the one that the state speaks of. */
async function storedPointer(
  { fx, config }: Session,
  memory: RepositoryMemory,
  want: WantedPointer,
): Promise<KnownPointer | null> {
  const seen = memory.pointers[pointerSlot(want)];
  if (seen === undefined) return null;
  const stored = await readSeenPointer(fx.files, config.stateDir, memory, want);
  if (stored === null) return null;
  const conditional = {
    ...(seen.etag === undefined ? {} : { etag: seen.etag }),
    ...(seen.last_modified === undefined ? {} : { lastModified: seen.last_modified }),
  };
  return { ...stored, sha256: seen.sha256, request: { conditional } };
}

/** The stored pointer under today's root. When its stored signatures do not suffice, the tree may have more. */
async function checkKnown(
  { signal }: Session,
  source: Source,
  root: Root,
  want: WantedPointer,
  known: KnownPointer,
  where: string,
): Promise<SignedPointer> {
  try {
    return {
      ...known,
      pointer: checkPointer(root, want, known.bytes, known.blocks, where),
    };
  } catch (error) {
    if (!(error instanceof QxError) || error.code !== 'signature') throw error;
    const fresh = asFound(await fetchPointer(source, want, { fresh: true, signal }));
    return readSignedPointer(source, root, want, fresh, signal);
  }
}

/**
 * A serial counts as long as the pointer that brought it is signed under the current root. Else a stolen key could
 * shut hosts out for good with the highest of all serials, even after the root has named another key.
 */
async function countsStill(
  session: Session,
  root: Root,
  want: WantedPointer,
  known: KnownPointer | null,
): Promise<boolean> {
  if (known === null || isPointerSigned(root, want, known)) return true;
  await session.log(
    'serial-forgotten',
    `the serial of ${pointerSlot(want)} is forgotten: root ${root.version} does not vouch for its pointer`,
  );
  return false;
}

async function remember(
  { fx, config }: Session,
  state: ClientState,
  repository: string,
  memory: RepositoryMemory,
): Promise<ClientState> {
  const repositories = { ...state.repositories, [repository]: memory };
  return writeState(fx.files, config.stateDir, { ...state, repositories });
}

function asFound<T extends { status: string }>(
  fetched: T,
): Extract<T, { status: 'found' }> {
  if (fetched.status === 'found') return fetched as Extract<T, { status: 'found' }>;
  // A host that answers "unchanged" to an unconditional request.
  throw new QxError(
    'network',
    'the host answers 304 to a request that asked for nothing of the kind',
  );
}
