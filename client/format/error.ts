/** Every way in which a run can end other than well. The exit status of each is in one table. */
export const EXIT_CODES = {
  defect: 1,
  usage: 2,
  network: 10,
  stale: 11,
  signature: 20,
  digest: 21,
  rollback: 22,
  malformed: 23,
  'too-new': 24,
  'not-for-host': 25,
  'local-state': 30,
  disk: 31,
  locked: 32,
  raced: 33,
  'apply-failed': 40,
  'rollback-failed': 41,
  deferred: 75,
  config: 78,
} as const;

export type Code = keyof typeof EXIT_CODES;

export interface ErrorDetails {
  /** File, URL or field that was refused. */
  where?: string | undefined;
  expected?: string | undefined;
  found?: string | undefined;
  /** What the operator can do about it. */
  hint?: string | undefined;
  cause?: unknown;
}

/**
 * The only error that the format, the client and the generator throw on purpose.
 * `message` is one line without a full stop; `expected` and `found` are the two values that disagreed.
 */
export class QxError extends Error {
  readonly code: Code;
  readonly where: string | undefined;
  readonly expected: string | undefined;
  readonly found: string | undefined;
  readonly hint: string | undefined;

  constructor(code: Code, message: string, details: ErrorDetails = {}) {
    super(message, details.cause === undefined ? {} : { cause: details.cause });
    this.name = 'QxError';
    this.code = code;
    this.where = details.where;
    this.expected = details.expected;
    this.found = details.found;
    this.hint = details.hint;
  }

  get exitCode(): number {
    return EXIT_CODES[this.code];
  }

  /** The same refusal with details that only the caller knew; what is set already stays. */
  with(details: ErrorDetails): QxError {
    const kept = { where: this.where, expected: this.expected, found: this.found };
    return new QxError(this.code, this.message, {
      ...details,
      ...Object.fromEntries(
        Object.entries(kept).filter(([, value]) => value !== undefined),
      ),
      hint: this.hint ?? details.hint,
      cause: this.cause ?? details.cause,
    });
  }
}

/** `value` cut to `max` characters on one line, control characters replaced: safe to print. */
export function printable(value: unknown, max = 120): string {
  const text =
    typeof value === 'string' ? value : (JSON.stringify(value) ?? String(value));
  const clean = text.replace(/[\p{Cc}\p{Cf}\u2028\u2029]/gu, '\ufffd');
  return clean.length > max ? `${clean.slice(0, max)}…` : clean;
}
