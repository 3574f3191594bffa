import { QxError } from '../format/error.ts';
import type { Finding } from '../doctor/finding.ts';
import { openSession } from '../session.ts';
import { type Command, type Context } from './command.ts';

export const doctor: Command = {
  name: 'doctor',
  describe:
    'Look at everything that an update needs, and say what to do about what is wrong',
  options: [{ flag: 'offline', describe: 'Ask no mirror' }],
  examples: ['doctor', 'doctor --offline', 'doctor --json'],
  next: ['status', 'config check', 'trust show'],
  run: async (context, _args, flags) => {
    const findings = await find(context, flags.is('offline'));
    const bad = findings.filter(({ level }) => level === 'fail');
    const warnings = findings.filter(({ level }) => level === 'warn');
    const end =
      bad.length + warnings.length === 0
        ? 'all is well'
        : `${bad.length} failed, ${warnings.length} to look at`;
    return {
      value: { healthy: bad.length === 0, findings },
      text: [...findings.flatMap(lines), end].join('\n'),
      exitCode: bad[0]?.exitCode ?? 0,
    };
  },
};

/** Without a configuration there is nothing else to look at. */
async function find(context: Context, offline: boolean): Promise<Finding[]> {
  const { examine } = await import('../doctor/finding.ts');
  const { configurationFindings, hostFindings } = await import('../doctor/host.ts');
  const { mirrorFindings } = await import('../doctor/mirror.ts');
  const { fx, out, signal } = context;
  const first = await examine('config', async () =>
    configurationFindings(await context.config(), context.env),
  );
  if (first.some(({ level }) => level === 'fail')) return first;
  const config = await context.config();
  try {
    const session = await openSession(fx, config, out, signal);
    const host = await hostFindings(session);
    return [...first, ...host, ...(offline ? [] : await mirrorFindings(session))];
  } catch (error) {
    if (!(error instanceof QxError)) throw error;
    return [...first, ...(await examine('config', () => Promise.reject(error)))];
  }
}

function lines({ part, level, message, where, hint }: Finding): string[] {
  const at = where === undefined ? '' : ` (${where})`;
  const what = `${level.padEnd(4)}  ${part}: ${message}${at}`;
  return level === 'ok' || hint === undefined ? [what] : [what, `      → ${hint}`];
}
