import * as v from 'valibot';
import { readIfThere, writeDurably } from '../../client/effects/durable.ts';
import { QxError } from '../../client/format/error.ts';
import { parseShape } from '../../client/format/document.ts';
import { LIMITS } from '../../client/format/limits.ts';
import {
  name,
  positive,
  sha256,
  sortedRecord,
  version,
} from '../../client/format/shapes.ts';
import { parseStrictJson } from '../../client/format/strict-json.ts';
import type { Workspace } from './workspace.ts';

/** No publisher counts so far: what stands above was put there by a thief, so that no number is left. */
export const LAST_SERIAL = 2 ** 52;

/** The last pointer of a channel that was signed here or pulled. */
const entry = v.object({ serial: positive, version, sha256 });

const channelPath = v.pipe(v.string(), v.regex(/^[^/]+\/[^/]+$/));

const serialsSchema = v.object({
  /** True in a workspace made by `init`: a channel that is not listed has never had a pointer. */
  complete: v.boolean(),
  channels: sortedRecord(channelPath, entry, 4096),
  /** Serials that were filled in for somebody to sign elsewhere: used up, whether that happened or not. */
  filled: v.exactOptional(sortedRecord(channelPath, positive, 4096)),
});

export type SerialEntry = v.InferOutput<typeof entry>;
export type Serials = v.InferOutput<typeof serialsSchema>;

/**
 * serials.json: what a hand-edited pointer no longer says. Where the file is missing nothing is known,
 * and numbering a channel for the first time takes `--first`.
 */
export async function readSerials(workspace: Workspace): Promise<Serials> {
  const file = workspace.paths.serials;
  const bytes = await readIfThere(workspace.effects.files, file, LIMITS.clientStateBytes);
  if (bytes === null) return { complete: false, channels: {} };
  const raw = parseStrictJson(bytes, 'serials', LIMITS.clientStateBytes);
  return parseShape(serialsSchema, raw, 'serials', file);
}

export async function writeSerials(
  workspace: Workspace,
  serials: Serials,
): Promise<void> {
  if (workspace.dryRun) return;
  const ordered = parseShape(serialsSchema, serials, 'serials');
  const bytes = Buffer.from(`${JSON.stringify(ordered, null, 2)}\n`);
  const standing = await readIfThere(
    workspace.effects.files,
    workspace.paths.serials,
    LIMITS.clientStateBytes,
  );
  if (standing?.equals(bytes) === true) return;
  await writeDurably(workspace.effects.files, workspace.paths.serials, bytes);
}

/**
 * What counts of an entry once the key that signed it does not: hosts have forgotten its serial, and a number that
 * nothing honest follows is not counted on from.
 */
export function withoutItsKey(entry: SerialEntry | undefined): SerialEntry | undefined {
  return entry !== undefined && entry.serial > LAST_SERIAL
    ? { ...entry, serial: 1 }
    : entry;
}

/** Remembers a pointer; a lower serial than the known one changes nothing. */
export async function recordSerial(
  workspace: Workspace,
  product: string,
  channel: string,
  seen: SerialEntry,
): Promise<void> {
  const serials = await readSerials(workspace);
  const key = channelKey(product, channel);
  if ((withoutItsKey(serials.channels[key])?.serial ?? 0) > seen.serial) return;
  await writeSerials(workspace, {
    ...serials,
    channels: { ...serials.channels, [key]: seen },
  });
}

/** A filled-in pointer may be signed with another tool and served without our hearing of it. */
export async function recordFilled(
  workspace: Workspace,
  product: string,
  channel: string,
  serial: number,
): Promise<void> {
  const serials = await readSerials(workspace);
  const filled = { ...serials.filled, [channelKey(product, channel)]: serial };
  await writeSerials(workspace, { ...serials, filled });
}

/** `quantix-os/stable`, the key in serials.json. */
export function channelKey(product: string, channel: string): string {
  return `${parseName(product)}/${parseName(channel)}`;
}

function parseName(text: string): string {
  return parseShape(name, text, 'name');
}

/** One above the highest known serial. QxError `rollback` where none is known and nobody said `first`. */
export function nextSerial(serials: Serials, key: string, first: boolean): number {
  const known = serials.channels[key];
  if (known !== undefined) return known.serial + 1;
  if (serials.complete || first) return 1;
  throw new QxError('rollback', `no serial of ${key} is known here`, {
    where: key,
    hint: 'pull the published tree first, or say --first when the channel never had a pointer',
  });
}
