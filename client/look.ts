import { shownAt } from './reader/source.ts';
import type { RepositoryMemory } from './format/client-state.ts';
import { type ClientState, newRepositoryMemory } from './format/client-state.ts';
import { QxError } from './format/error.ts';
import { LIMITS } from './format/limits.ts';
import { formatTime } from './format/time.ts';
import type { Pointer } from './format/pointer.ts';
import type { Root } from './format/root.ts';
import { pointerPath } from './format/tree.ts';
import { checkSerial } from './policy/pointer-policy.ts';
import {
  checkPointer,
  checkPointerExpiry,
  fetchPointer,
  readSignedPointer,
  type SignedPointer,
  type WantedPointer,
} from './reader/pointer.ts';
import { checkRootExpiry, walkRoots } from './reader/roots.ts';
import { sha256Hex } from './reader/signatures.ts';
import type { Session } from './session.ts';
import { readState, writeState } from './state/state-store.ts';
import {
  pointerFile,
  readDocument,
  readTrustedRoot,
  storeDocument,
  storeRoot,
} from './state/trust-store.ts';
import { BUILD_TIME_MS } from './version.ts';

/** What steps 2 to 6 know when they are done: everything in it is verified. */
export interface Trusted {
  state: ClientState;
  root: Root;
  pointer: Pointer;
  /** For messages: where the pointer came from. */
  where: string;
}

const DAY_MS = 86_400_000;

/** Steps 2 to 6 of README.md: state, pointer, roots, what the pointer is, and that it is remembered. */
export async function lookAtChannel(session: Session): Promise<Trusted> {
  const { fx, config, signal, source } = session;
  const { files } = fx;

  // 2. State and trust store.
  let state = await readState(files, config.stateDir);
  const { pinned, trusted } = await readTrustedRoot(
    files,
    config.stateDir,
    config.trustRoot,
  );
  const want = {
    repository: pinned.repository,
    product: config.product,
    channel: config.channel,
  };
  const memory =
    state.repositories[want.repository] ?? newRepositoryMemory(trusted.version);
  const known = await storedPointer(session, memory, want);

  // 3. The pointer, fetched and not looked into.
  const fetched = await fetchPointer(source, want, { ...known?.request, signal });
  const unchanged =
    fetched.status === 'unchanged' || sha256Hex(fetched.bytes) === known?.sha256;

  // 4. The roots, when the pointer has other bytes or a day has passed.
  const walk = await updateRoots(session, memory, trusted, !unchanged);
  if (walk.changed) state = await remember(session, state, want.repository, walk.memory);
  const now = trustedNow(fx.clock.now(), walk.memory);
  checkRootExpiry(walk.root, now);

  // 5. The pointer under the current root, the stored one as well.
  const where =
    fetched.status === 'found'
      ? fetched.url
      : shownAt(source, pointerPath(want.product, want.channel));
  const signed =
    unchanged && known !== null
      ? await checkKnown(session, walk.root, want, known, where)
      : await readSignedPointer(source, walk.root, want, asFound(fetched), signal);
  checkSerial(walk.memory.pointers[slotOf(want)], signed.pointer, signed.sha256, where);
  checkPointerExpiry(signed.pointer, now, where);

  // 6. Serial and digest stored, after the bytes that they stand for.
  if (!unchanged || signed.blocks !== known?.blocks) {
    await storeDocument(
      files,
      pointerFile(config.stateDir, want.product, want.channel),
      signed,
    );
    const validators =
      fetched.status === 'found' ? fetched : (known?.request.conditional ?? {});
    const next = withPointer(walk.memory, want, signed, validators);
    state = await remember(session, state, want.repository, next);
  }
  return { state, root: walk.root, pointer: signed.pointer, where };
}

/** "product/channel", as the state files its pointers. */
function slotOf(want: WantedPointer): string {
  return `${want.product}/${want.channel}`;
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
  const seen = memory.pointers[slotOf(want)];
  if (seen === undefined) return null;
  const path = pointerFile(config.stateDir, want.product, want.channel);
  const stored = await readDocument(fx.files, path, LIMITS.pointerBytes);
  if (stored === null || sha256Hex(stored.bytes) !== seen.sha256) return null;
  const conditional = {
    ...(seen.etag === undefined ? {} : { etag: seen.etag }),
    ...(seen.last_modified === undefined ? {} : { lastModified: seen.last_modified }),
  };
  return { ...stored, sha256: seen.sha256, request: { conditional } };
}

/** The stored pointer under today's root. When its stored signatures do not suffice, the tree may have more. */
async function checkKnown(
  session: Session,
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
    const { source, signal } = session;
    const fresh = asFound(await fetchPointer(source, want, { fresh: true, signal }));
    return readSignedPointer(source, root, want, fresh, signal);
  }
}

async function updateRoots(
  session: Session,
  memory: RepositoryMemory,
  trusted: Root,
  pointerChanged: boolean,
): Promise<{ root: Root; memory: RepositoryMemory; changed: boolean }> {
  const { fx, config, source, signal } = session;
  const now = fx.clock.now();
  const checked =
    memory.root_checked === undefined ? -Infinity : Date.parse(memory.root_checked);
  // A clock that went back must not put the next look off for years.
  const due = pointerChanged || now - checked >= DAY_MS || checked > now;
  if (!due) return { root: trusted, memory, changed: false };
  const root = await walkRoots(
    source,
    trusted,
    async (accepted) => {
      await storeRoot(fx.files, config.stateDir, accepted.root, accepted.bytes);
      await session.log(`trust root ${accepted.root.version} accepted`);
    },
    signal,
  );
  const next: RepositoryMemory = {
    ...memory,
    root_version: root.version,
    root_checked: formatTime(now),
  };
  // A newer root may follow a theft: what an old key said of the time is forgotten.
  if (root.version > memory.root_version) delete next.issued;
  return { root, memory: next, changed: true };
}

/** Milliseconds: a clock that stands before what is known for certain is not believed. */
export function trustedNow(clock: number, memory: RepositoryMemory): number {
  const issued = memory.issued === undefined ? 0 : Date.parse(memory.issued);
  return Math.max(clock, BUILD_TIME_MS, issued);
}

function withPointer(
  memory: RepositoryMemory,
  want: WantedPointer,
  { pointer, sha256 }: SignedPointer,
  { etag, lastModified }: { etag?: string; lastModified?: string },
): RepositoryMemory {
  const seen = memory.issued ?? '';
  return {
    ...memory,
    // Times in one form sort as text.
    issued: pointer.issued > seen ? pointer.issued : seen,
    pointers: {
      ...memory.pointers,
      [slotOf(want)]: {
        serial: pointer.serial,
        sha256,
        ...(etag === undefined ? {} : { etag }),
        ...(lastModified === undefined ? {} : { last_modified: lastModified }),
      },
    },
  };
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
