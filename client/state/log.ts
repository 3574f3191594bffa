import { dirname } from 'node:path';
import type { Config } from '../config/config.ts';
import type { Effects } from '../effects/effects.ts';
import { type Event, EVENTS } from './events.ts';

const BYTES_MAX = 1024 * 1024;
/** A syslog daemon that is stuck keeps a run waiting once, for so long. */
const SYSLOG_MS = 2_000;
/** The logger of util-linux takes 1 KiB with what it puts before the text; the file has all of it. */
const SYSLOG_BYTES_MAX = 900;

export type Log = (event: Event, text: string) => Promise<void>;

/**
 * A log of at most 2 MiB, a line for each event: the file and its predecessor `<file>.1`; with `[notify] syslog` the
 * system's as well. A log that cannot be written never makes an update fail; a full disk must not hide the message
 * about the full disk.
 */
export function openLog(
  fx: Effects,
  { logFile, notify }: Pick<Config, 'logFile' | 'notify'>,
): Log {
  let syslog = notify.syslog === true;
  let last: Promise<void> = Promise.resolve();
  const write = async (event: Event, text: string): Promise<void> => {
    const line = text.trimEnd().replaceAll(/\s*\n\s*/g, ' | ');
    await append(fx, logFile, `${event} ${line}`);
    if (!syslog) return;
    const trouble = await toSyslog(fx, event, line);
    if (trouble === null) return;
    syslog = false;
    const told = `syslog: ${trouble}; nothing more of this run is sent there`;
    await append(fx, logFile, `${'notify-failed' satisfies Event} ${told}`);
  };
  // One after the other, also where nobody waits: the order in syslog is the one of the file.
  return (event, text) => (last = last.then(() => write(event, text)));
}

async function append(fx: Effects, path: string, line: string): Promise<void> {
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
}

/** By logger(1), which busybox has too. What went wrong, or null. */
async function toSyslog(fx: Effects, event: Event, line: string): Promise<string | null> {
  const text = Buffer.from(`${event}: ${line}`).subarray(0, SYSLOG_BYTES_MAX);
  const words = ['-t', 'qx-update', '-p', `daemon.${EVENTS[event]}`, '--'];
  try {
    const { status, timedOut } = await fx.processes.run(
      'logger',
      [...words, text.toString('utf8')],
      { timeoutMs: SYSLOG_MS },
    );
    if (timedOut) return `logger did not end within ${SYSLOG_MS / 1000} s`;
    return status === 0 ? null : `logger ended with ${status ?? 'a signal'}`;
  } catch (error) {
    return error instanceof Error ? error.message : 'logger could not be started';
  }
}
