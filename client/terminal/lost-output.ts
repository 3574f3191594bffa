import { asQxError, createOutput, type Sink } from './output.ts';

/** A pipe whose reader has ended (`| head`), a terminal that was closed. */
const NOBODY_READS = new Set(['EPIPE', 'EIO', 'ECONNRESET']);

/**
 * Standard output and standard error, which keep a run alive when what it prints goes nowhere: Node would end it
 * with a stack trace, an installation midway. An answer that could not be written for another reason, as behind
 * `> file` on a full disk, is told on standard error and by the exit status.
 */
export function outliveLostOutput(
  program: string,
  process: NodeJS.Process,
): { stdout: Sink; stderr: Sink } {
  // There is no other place to tell it.
  const stderr = onDemand(() => process.stderr.on('error', () => undefined));
  const stdout = onDemand(() => process.stdout.on('error', lost));
  const lost = (thrown: NodeJS.ErrnoException): void => {
    if (NOBODY_READS.has(thrown.code ?? '')) return;
    const error = asQxError(Object.assign(thrown, { path: 'standard output' }));
    createOutput({ program, stdout, stderr, now: () => 0 }).error(error);
    process.once('exit', (status) => {
      if (status === 0) process.exitCode = error.exitCode;
    });
  };
  return { stdout, stderr };
}

/** To make one of these streams takes Node a millisecond or two, and what cron calls seldom prints anything. */
function onDemand(open: () => NodeJS.WriteStream): Sink {
  let opened: NodeJS.WriteStream | undefined;
  const stream = (): NodeJS.WriteStream => (opened ??= open());
  return {
    write: (text) => stream().write(text),
    get isTTY() {
      return stream().isTTY;
    },
    get columns() {
      return stream().columns;
    },
  };
}
