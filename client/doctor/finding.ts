import { QxError } from '../format/error.ts';

/** What was found out about one part of a host. */
export interface Finding {
  /** What was looked at, in one or two words. */
  part: string;
  level: 'ok' | 'warn' | 'fail';
  /** One line: what is so. */
  message: string;
  where?: string | undefined;
  /** What to do; there whenever it is not ok. */
  hint?: string | undefined;
  /** Of a failure: the exit code that a run would end with. */
  exitCode?: number;
}

export function ok(part: string, message: string): Finding {
  return { part, level: 'ok', message };
}

export function warn(part: string, message: string, hint: string): Finding {
  return { part, level: 'warn', message, hint };
}

/** What a check finds, or the failure that it ends with. */
export async function examine(
  part: string,
  check: () => Promise<Finding | Finding[]>,
): Promise<Finding[]> {
  try {
    return [await check()].flat();
  } catch (error) {
    if (!(error instanceof QxError)) throw error;
    const { message, where, hint, expected, found, exitCode } = error;
    const told = [
      message,
      ...(expected === undefined ? [] : [`expected ${expected}`]),
      ...(found === undefined ? [] : [`found ${found}`]),
    ].join('; ');
    return [{ part, level: 'fail', message: told, where, hint, exitCode }];
  }
}
