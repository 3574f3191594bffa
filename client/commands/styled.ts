import type { Checked } from '../serve/check.ts';
import { STYLES } from '../config/schema.ts';
import type { Style } from '../serve/settings.ts';
import { QxError, printable } from '../format/error.ts';
import type { Flags, OptionSpec } from '../terminal/command-line.ts';
import { asQxError, errorRecord } from '../terminal/output.ts';
import type { RanError } from '../serve/self.ts';
import type { CommandResult, Context } from './command.ts';

/** `--style`: what "serve" answers to the older callers, without a server. */

export const STYLE: OptionSpec = {
  flag: 'style NAME',
  describe: 'One JSON value as "serve" answers: host-ui (camelCase) or vdc (snake_case)',
  values: STYLES,
};

/** Undefined without the flag. QxError `usage` for another word. */
export function styleOf(flags: Flags): Style | undefined {
  const text = flags.text('style');
  const style = STYLES.find((each) => each === text);
  if (text === undefined || style !== undefined) return style;
  throw new QxError('usage', '--style does not fit', {
    expected: STYLES.join(' or '),
    found: printable(text),
  });
}

export async function styledStatus(
  context: Context,
  style: Style,
): Promise<CommandResult> {
  const { statusIn, toldBy } = await import('../serve/styles.ts');
  return spoken(await statusIn(style, toldBy(context.fx, await context.config())));
}

/** `look` is `check` without a style. A release that is not for now is an answer, and ends with 75 all the same. */
export async function styledCheck(
  context: Context,
  style: Style,
  look: () => Promise<CommandResult>,
): Promise<CommandResult> {
  const { checked, exitCode } = await checkedBy(context, look);
  const { checkIn, toldBy } = await import('../serve/styles.ts');
  const told = toldBy(context.fx, await context.config());
  return { ...spoken(await checkIn(style, told, checked)), exitCode };
}

type Answered = Exclude<Checked, { what: 'failed' | 'busy' }>;

async function checkedBy(
  { out }: Context,
  look: () => Promise<CommandResult>,
): Promise<{ checked: Answered; exitCode: number }> {
  try {
    const { value, exitCode = 0 } = await look();
    return { checked: { what: 'found', offer: value as { version: string } }, exitCode };
  } catch (thrown) {
    const error = asQxError(thrown);
    if (error.code !== 'deferred') throw thrown;
    out.error(error);
    const told = errorRecord(error) as unknown as RanError;
    return { checked: { what: 'deferred', error: told }, exitCode: error.exitCode };
  }
}

function spoken(value: object): CommandResult {
  return { value, text: JSON.stringify(value) };
}
