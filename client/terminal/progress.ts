import { formatBytes, formatDuration } from './text.ts';

/** A stream that text goes to. */
export interface Sink {
  write(text: string): unknown;
  isTTY?: boolean;
  columns?: number;
}

export interface Progress {
  /** Bytes that were done since the last call. */
  add(bytes: number): void;
  done(): void;
}

export const silentProgress: Progress = { add: () => undefined, done: () => undefined };

const REDRAW_MS = 100;
const LINE_EVERY_MS = 10_000;
const QUIET_BYTES = 1_000_000;

/** A bar that redraws itself on a terminal; elsewhere a plain line every ten seconds and one at the end. */
export function createProgress(
  label: string,
  totalBytes: number,
  sink: Sink,
  now: () => number,
): Progress {
  const started = now();
  const tty = sink.isTTY === true;
  let doneBytes = 0;
  let last = started;
  const print = (): void => {
    const text = progressLine(
      label,
      doneBytes,
      totalBytes,
      now() - started,
      widthOf(sink),
      tty,
    );
    sink.write(tty ? `\r\u001b[K${text}` : `${text}\n`);
    last = now();
  };
  return {
    add: (bytes) => {
      doneBytes += bytes;
      if (now() - last >= (tty ? REDRAW_MS : LINE_EVERY_MS)) print();
    },
    done: () => {
      // A log is not the place to tell that 54 bytes have come.
      if (!tty && totalBytes < QUIET_BYTES) return;
      print();
      if (tty) sink.write('\n');
    },
  };
}

/** A serial console does not know its width and says 0. */
function widthOf({ columns = 0 }: Sink): number {
  return columns > 0 ? columns : 80;
}

/** `qx-node  [=====>    ]  52 %  12.1 MB of 23.0 MB  8.1 MB/s  2s left` */
export function progressLine(
  label: string,
  done: number,
  total: number,
  elapsedMs: number,
  columns: number,
  bar: boolean,
): string {
  const share = total === 0 ? 1 : Math.min(done / total, 1);
  const rate = elapsedMs > 0 ? (done / elapsedMs) * 1000 : 0;
  const left =
    rate > 0 && done < total
      ? `  ${formatDuration(((total - done) / rate) * 1000)} left`
      : '';
  const numbers = `${Math.floor(share * 100)} %  ${formatBytes(done)} of ${formatBytes(Math.max(total, done))}  ${formatBytes(rate)}/s${left}`;
  const width = Math.min(30, columns - label.length - numbers.length - 8);
  if (!bar || width < 5) return `${label}  ${numbers}`;
  const filled = Math.round(share * width);
  return `${label}  [${'='.repeat(filled).padEnd(width)}]  ${numbers}`;
}
