import { readOwnIfSound, writeDurably } from '../effects/durable.ts';
import type { Files } from '../effects/effects.ts';

/** One thing that happened to this host, newest last in the file. Fields are added, never changed. */
export interface HistoryEntry {
  time: string;
  event: 'installed' | 'refused' | 'returned' | 'written';
  product: string;
  channel: string;
  version?: string | undefined;
  fromVersion?: string | undefined;
  /** For `installed`. */
  generation?: number;
  components?: { name: string; version: string }[];
  /** What was published beside the release. Sizes in bytes. */
  attachments?: { kind: string; mediaType?: string; sha256: string; size: number }[];
  downloadedBytes?: number | undefined;
  /** For `refused`: code, exit status and message. */
  code?: string;
  exitCode?: number;
  message?: string;
  /** For `returned`: the last that the failed service or check said. */
  output?: string;
  /**
   * For `installed`: when the switch was made; tells one installation of a generation from a later one. For a system
   * image that was installed or given up: when it was written.
   */
  started?: string;
}

const ENTRIES_MAX = 500;
const BYTES_MAX = 4 * 1024 * 1024;

function historyFile(stateDir: string): string {
  return `${stateDir}/history.ndjson`;
}

/** Oldest first; lines that cannot be read are passed over. */
export async function readHistory(
  files: Files,
  stateDir: string,
): Promise<HistoryEntry[]> {
  const bytes = await readOwnIfSound(files, historyFile(stateDir), BYTES_MAX);
  return (bytes?.toString('utf8') ?? '').split('\n').flatMap((line) => {
    try {
      return line === '' ? [] : [JSON.parse(line) as HistoryEntry];
    } catch {
      return [];
    }
  });
}

/** Adds an entry; the file holds the last 500. What it tells already is not added again. */
export async function addHistory(
  files: Files,
  stateDir: string,
  entry: HistoryEntry,
): Promise<void> {
  const entries = await readHistory(files, stateDir);
  if (isTold(entries, entry)) return;
  const kept = [...entries, entry].slice(-ENTRIES_MAX);
  const text = kept.map((item) => `${JSON.stringify(item)}\n`).join('');
  await files.makeDirectory(stateDir, 0o755);
  await writeDurably(files, historyFile(stateDir), Buffer.from(text));
}

/** A refusal that repeats the last entry, or an end that was told of before a run was cut off. */
function isTold(entries: HistoryEntry[], entry: HistoryEntry): boolean {
  const { event, message, version, channel, generation, started } = entry;
  // A component's way back is told after its journal is gone: never again.
  if (event === 'returned' && started === undefined) return false;
  if (event === 'installed' || event === 'returned') {
    return entries.some(
      (each) =>
        each.event === event &&
        each.generation === generation &&
        each.started === started,
    );
  }
  const last = entries.at(-1);
  return (
    last?.event === event &&
    last.message === message &&
    last.version === version &&
    last.channel === channel
  );
}
