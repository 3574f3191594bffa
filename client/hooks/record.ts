import * as v from 'valibot';
import { readIfThere, writeDurably } from '../effects/durable.ts';
import type { Files } from '../effects/effects.ts';
import { parseShape } from '../format/document.ts';
import { QxError } from '../format/error.ts';
import { LIMITS } from '../format/limits.ts';
import {
  absolutePath,
  listOf,
  name,
  positive,
  sha256,
  version,
} from '../format/shapes.ts';
import { parseStrictJson } from '../format/strict-json.ts';

const component = v.object({
  name,
  version,
  kind: v.picklist(['file', 'directory']),
  install_path: absolutePath,
  service: v.exactOptional(name),
  content: sha256,
  hooks: v.exactOptional(listOf(name, 16)),
});

/**
 * What the hooks of one update are told, and how far that update is; written before the first of them runs, gone when
 * the update is over. A run that finds it has something to take back:
 *
 *   begun    hooks may have prepared the host for a switch that never came → on-failure
 *   waits    a system waits for its boot, or is on trial → post-boot, or on-failure when it is given up
 *   failed   on-failure is still to come, or did not succeed → on-failure
 */
const recordSchema = v.object({
  type: v.literal('hooks'),
  format: v.literal(1),
  stage: v.picklist(['begun', 'waits', 'failed']),
  /** Another one for each update: by it a hook knows what it began itself. */
  run: v.pipe(v.string(), v.regex(/^[0-9a-f]{16}$/)),
  kind: v.picklist(['components', 'system']),
  product: name,
  channel: name,
  from: v.nullable(version),
  to: version,
  release: positive,
  manifest: sha256,
  components: listOf(component, LIMITS.components),
  /** Of the new components, once they are unpacked. */
  generation: v.exactOptional(positive),
  /** Why it failed, where that is known. */
  reason: v.exactOptional(v.object({ code: v.string(), message: v.string() })),
});

export type HookRecord = v.InferOutput<typeof recordSchema>;
export type Reason = NonNullable<HookRecord['reason']>;

const BYTES_MAX = 1024 * 1024;

function recordFile(stateDir: string): string {
  return `${stateDir}/hooks.json`;
}

/** Null where no update with hooks is under way. QxError `local-state` for one that cannot be read. */
export async function readHookRecord(
  files: Files,
  stateDir: string,
): Promise<HookRecord | null> {
  const path = recordFile(stateDir);
  const bytes = await readIfThere(files, path, BYTES_MAX);
  if (bytes === null) return null;
  try {
    const raw = parseStrictJson(bytes, 'hooks', BYTES_MAX);
    return parseShape(recordSchema, raw, 'hooks', path);
  } catch (error) {
    if (!(error instanceof QxError)) throw error;
    throw new QxError('local-state', 'what hooks had begun cannot be read', {
      where: path,
      expected: error.expected,
      found: error.found ?? error.message,
      hint: 'take back by hand what the hooks of this host do, then remove this file',
      cause: error,
    });
  }
}

export async function writeHookRecord(
  files: Files,
  stateDir: string,
  record: HookRecord,
): Promise<HookRecord> {
  const bytes = Buffer.from(`${JSON.stringify(record, null, 2)}\n`);
  await writeDurably(files, recordFile(stateDir), bytes);
  return record;
}

export async function removeHookRecord(files: Files, stateDir: string): Promise<void> {
  await files.remove(recordFile(stateDir));
}
