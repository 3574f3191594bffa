import { belowRoot } from '../config/load.ts';
import type { Effects } from '../effects/effects.ts';
import { QxError } from '../format/error.ts';
import { shownOutput } from '../services/output.ts';

const TIMEOUT_MS = 60_000;

/** Asks init to start the machine anew; services are stopped first. In a sandbox it is the sandbox's own program. */
export async function reboot(
  { processes }: Pick<Effects, 'processes'>,
  root: string,
): Promise<void> {
  const program = root === '/' ? 'reboot' : belowRoot(root, '/sbin/reboot');
  const failed = (found: string): QxError =>
    new QxError('config', 'this machine cannot be restarted', {
      where: program,
      found,
      hint: 'auto_reboot is set; restart it by hand to try what waits in the other slot',
    });
  const { status, stdout, stderr } = await processes
    .run(program, [], { timeoutMs: TIMEOUT_MS })
    .catch((error: unknown) => {
      throw failed(String(error));
    });
  if (status !== 0) throw failed(shownOutput(stdout, stderr));
}
