import { asQxError, createOutput } from './output.ts';

/** A pipe whose reader has ended (`| head`), a terminal that was closed. */
const NOBODY_READS = new Set(['EPIPE', 'EIO', 'ECONNRESET']);

/**
 * Keeps a run alive when what it prints goes nowhere: Node would end it with a stack trace, an installation
 * midway. An answer that could not be written for another reason, as behind `> file` on a full disk, is told
 * on standard error and by the exit status.
 */
export function outliveLostOutput(program: string, process: NodeJS.Process): void {
  const { stdout, stderr } = process;
  const output = createOutput({ program, stdout, stderr, now: () => 0 });
  // There is no other place to tell it.
  stderr.on('error', () => undefined);
  stdout.on('error', (thrown: NodeJS.ErrnoException) => {
    if (NOBODY_READS.has(thrown.code ?? '')) return;
    const error = asQxError(Object.assign(thrown, { path: 'standard output' }));
    output.error(error);
    process.once('exit', (status) => {
      if (status === 0) process.exitCode = error.exitCode;
    });
  });
}
