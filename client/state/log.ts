import { dirname } from 'node:path';
import type { Effects } from '../effects/effects.ts';

const BYTES_MAX = 1024 * 1024;

export type Log = (line: string) => Promise<void>;

/**
 * A log of at most 2 MiB: the file and its predecessor `<file>.1`. A log that cannot be written never
 * makes an update fail; a full disk must not hide the message about the full disk.
 */
export function openLog(fx: Effects, path: string): Log {
  return async (line) => {
    try {
      const size = (await fx.files.info(path))?.size ?? 0;
      if (size === 0) await fx.files.makeDirectory(dirname(path), 0o755);
      if (size > BYTES_MAX) await fx.files.rename(path, `${path}.1`);
      const file = await fx.files.open(path, 'append', 0o644);
      const stamp = new Date(fx.clock.now()).toISOString();
      await file.write(Buffer.from(`${stamp} ${line}\n`)).finally(() => file.close());
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === undefined) throw error;
    }
  };
}
