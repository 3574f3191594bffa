import { explain, type Explanation, type Verdict } from '../explain.ts';
import { openSession } from '../session.ts';
import type { Flags } from '../terminal/command-line.ts';
import { formatTable } from '../terminal/text.ts';
import type { CommandResult, Context } from './command.ts';

/** `--explain` of check, apply and run: an answer is what was asked for, so it ends with 0 whatever it is. */
export async function explained(context: Context, flags: Flags): Promise<CommandResult> {
  const config = await context.config();
  const session = await openSession(context.fx, config, context.out, context.signal);
  const explanation = await explain(session, flags.is('now'));
  return { value: explanation, text: textOf(explanation) };
}

function textOf(explanation: Explanation): string {
  const { product, version, channel, installedVersion, upToDate } = explanation;
  const standing = upToDate
    ? 'this release is installed'
    : `installed: ${installedVersion ?? 'nothing'}`;
  const rows = explanation.policies.map((verdict) => [
    verdict.policy,
    verdict.verdict.replace('-', ' '),
    because(verdict),
  ]);
  return [
    `${product} ${version} on ${channel} (${standing})`,
    formatTable([['policy', 'verdict', 'because'], ...rows]),
  ].join('\n');
}

function because({ data, error }: Verdict): string {
  const { message, expected, found } = error ?? {};
  const said = [
    message,
    expected === undefined ? undefined : `expected ${expected}`,
    found === undefined ? undefined : `found ${found}`,
  ].filter((part) => part !== undefined);
  return [...said, ...Object.entries(data).map(shown)].join('; ');
}

function shown([key, value]: [string, unknown]): string {
  const words = key.replace(/[A-Z]/g, (letter) => ` ${letter.toLowerCase()}`);
  const text = typeof value === 'string' ? value : JSON.stringify(value);
  return `${words.replace('_', ' ')} ${value === null || text === '[]' ? 'none' : text}`;
}
