import * as v from 'valibot';
import { readIfThere, writeDurably } from '../effects/durable.ts';
import type { Files } from '../effects/effects.ts';
import { parseShape } from '../format/document.ts';
import { QxError } from '../format/error.ts';
import { parseStrictJson } from '../format/strict-json.ts';
import type { BootEnvironment, BootReading } from './boot-environment.ts';
import { NEVER_WRITTEN, SLOTS, TRIES } from './boot-state.ts';

const BYTES_MAX = 4096;

const slotSchema = v.object({
  kind: v.picklist(['good', 'trial', 'bad', 'none']),
  triesLeft: v.pipe(v.number(), v.integer(), v.minValue(0), v.maxValue(TRIES.good)),
});
const schema = v.object({
  next: v.picklist(SLOTS),
  slots: v.object({ A: slotSchema, B: slotSchema }),
});

/** One JSON file at `path`: an environment without a boot loader, for sandboxes and tests. */
export function fileEnvironment(files: Files, path: string): BootEnvironment {
  return {
    lockPath: `${path}.lock`,
    read: async () => {
      const bytes = await readIfThere(files, path, BYTES_MAX);
      if (bytes === null) {
        throw new QxError('config', 'this host has no boot environment', { where: path });
      }
      return parse(bytes, path);
    },
    write: (state) =>
      writeDurably(files, path, Buffer.from(`${JSON.stringify(state, null, 2)}\n`)),
  };
}

function parse(bytes: Buffer, path: string): BootReading {
  try {
    const raw = parseStrictJson(bytes, 'boot environment', BYTES_MAX);
    return { state: parseShape(schema, raw, 'boot environment', path), readable: 1 };
  } catch (error) {
    if (!(error instanceof QxError)) throw error;
    return { state: NEVER_WRITTEN, readable: 0 };
  }
}
