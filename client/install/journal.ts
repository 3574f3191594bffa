import * as v from 'valibot';
import { readOwnIfThere, writeDurably } from '../effects/durable.ts';
import type { Effects, Files } from '../effects/effects.ts';
import { parseShape } from '../format/document.ts';
import { QxError } from '../format/error.ts';
import { listOf, name, positive, time } from '../format/shapes.ts';
import { parseStrictJson } from '../format/strict-json.ts';

/**
 * What a run that was cut off was about to do, for the run that finds it.
 *
 *   switching   `current` may or may not point to `to` yet, services may have been restarted → go back
 *   returning   the way back had begun → go back
 *   committed   `to` is good, the traces may be missing → finish
 */
const journalSchema = v.object({
  type: v.literal('journal'),
  format: v.literal(1),
  phase: v.picklist(['switching', 'returning', 'committed']),
  /** Null on a host where nothing was current. */
  from: v.nullable(positive),
  to: positive,
  /** Services that ran before and are to run again, in the order of their restarts. */
  services: listOf(name, 256),
  started: time,
  downloaded_bytes: v.exactOptional(v.number()),
  /** A way back that somebody asked for: `to` was there before, and `from` is not to come again by itself. */
  by_hand: v.exactOptional(v.literal(true)),
});

export type Journal = v.InferOutput<typeof journalSchema>;

const BYTES_MAX = 64 * 1024;

export function journalFile(stateDir: string): string {
  return `${stateDir}/journal.json`;
}

/** What the way back writes fits into it several times over: journal, state, history, log. */
const ROOM_BYTES = 256 * 1024;

function roomFile(stateDir: string): string {
  return `${stateDir}/room`;
}

/**
 * Takes the room that the way back will need: a release may fill the disk while it starts. Noise, because some
 * file systems make nothing of zeros. A disk that has no such room is not switched on (ENOSPC).
 */
export async function takeRoom(
  { files, random }: Pick<Effects, 'files' | 'random'>,
  stateDir: string,
): Promise<void> {
  await files.makeDirectory(stateDir, 0o755);
  await writeDurably(files, roomFile(stateDir), random.bytes(ROOM_BYTES));
}

export async function giveRoom(files: Files, stateDir: string): Promise<void> {
  await files.remove(`${roomFile(stateDir)}.new`);
  await files.remove(roomFile(stateDir));
}

/** Null where no transaction was cut off. QxError `local-state` or `too-new` for one that cannot be followed. */
export async function readJournal(
  files: Files,
  stateDir: string,
): Promise<Journal | null> {
  const path = journalFile(stateDir);
  const bytes = await readOwnIfThere(files, path, BYTES_MAX);
  if (bytes === null) return null;
  try {
    const raw = parseStrictJson(bytes, 'journal', BYTES_MAX);
    refuseNewer(raw, path);
    return parseShape(journalSchema, raw, 'journal', path);
  } catch (error) {
    if (!(error instanceof QxError) || error.code === 'too-new') throw error;
    throw new QxError(
      'local-state',
      'the journal of an interrupted update cannot be read',
      {
        where: path,
        expected: error.expected,
        found: `${error.message}${error.found === undefined ? '' : ` (${error.found})`}`,
        hint: 'see with "qx-update current" what is installed, restart its services, then remove this file',
        cause: error,
      },
    );
  }
}

function refuseNewer(raw: unknown, where: string): void {
  const format = (raw as { format?: unknown } | null)?.format;
  if (typeof format !== 'number' || format <= 1) return;
  throw new QxError('too-new', 'the journal is of a newer qx-update', {
    where,
    expected: 'format 1',
    found: `format ${format}`,
    hint: 'run "qx-update recover" of the version that wrote it',
  });
}

export async function writeJournal(
  files: Files,
  stateDir: string,
  journal: Journal,
): Promise<void> {
  const bytes = Buffer.from(`${JSON.stringify(journal, null, 2)}\n`);
  await files.makeDirectory(stateDir, 0o755);
  await writeDurably(files, journalFile(stateDir), bytes);
}

export async function removeJournal(files: Files, stateDir: string): Promise<void> {
  await files.remove(journalFile(stateDir));
  await files.syncDirectory(stateDir);
}
