import { readOwnIfThere, writeDurably } from '../effects/durable.ts';
import type { Files } from '../effects/effects.ts';
import {
  type ClientState,
  encodeClientState,
  newClientState,
  parseClientState,
} from '../format/client-state.ts';
import { QxError } from '../format/error.ts';
import { LIMITS } from '../format/limits.ts';

/** Two generations, written in turn, so that one whole state survives whatever happens to the other. */
export const GENERATION_FILES = ['state-0.json', 'state-1.json'] as const;

/**
 * The newest state that can be read. A host without any gets a new one; a host whose files are both
 * unreadable gets QxError `local-state`: serials and floors are never forgotten in silence.
 */
export async function readState(files: Files, stateDir: string): Promise<ClientState> {
  const readable: ClientState[] = [];
  const broken: { path: string; error: QxError }[] = [];
  for (const file of GENERATION_FILES) {
    const path = `${stateDir}/${file}`;
    try {
      const bytes = await readOwnIfThere(files, path, LIMITS.clientStateBytes);
      if (bytes !== null) readable.push(parseClientState(bytes, path));
    } catch (error) {
      if (!(error instanceof QxError)) throw error;
      // Written by a newer client, or replaced by somebody: the older generation would forget what that one has learned.
      if (error.code === 'too-new' || error.code === 'config') throw error;
      broken.push({ path, error });
    }
  }
  readable.sort((a, b) => b.generation - a.generation);
  const newest = readable[0];
  if (newest !== undefined) return newest;
  if (broken.length === 0) return newClientState();
  throw unreadable(broken);
}

/** The state as the next generation, written over the older of the two files. */
export async function writeState(
  files: Files,
  stateDir: string,
  state: ClientState,
): Promise<ClientState> {
  const next = { ...state, generation: state.generation + 1 };
  const file = GENERATION_FILES[next.generation % 2] ?? GENERATION_FILES[0];
  await files.makeDirectory(stateDir, 0o755);
  await writeDurably(files, `${stateDir}/${file}`, encodeClientState(next));
  return next;
}

function unreadable(broken: { path: string; error: QxError }[]): QxError {
  const first = broken[0];
  return new QxError('local-state', "this host's own state cannot be read", {
    where: broken.map(({ path }) => path).join(', '),
    expected: first?.error.expected,
    found:
      first === undefined
        ? undefined
        : `${first.error.message} ${first.error.found ?? ''}`.trim(),
    hint: 'put back a copy, or move these files away to begin anew (serials and floors are then learned again)',
    cause: first?.error,
  });
}
