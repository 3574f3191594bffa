import { type Code, EXIT_CODES, QxError } from '../../client/format/error.ts';
import { asQxError } from '../../client/terminal/output.ts';

export type Level = 'error' | 'warning' | 'info';

/** Something that a check found. */
export interface Problem {
  level: Level;
  code: Code;
  message: string;
  /** A path of the tree where it lies in the tree. */
  where?: string | undefined;
  expected?: string | undefined;
  found?: string | undefined;
  hint?: string | undefined;
}

export type ProblemDetails = Partial<
  Pick<Problem, 'where' | 'expected' | 'found' | 'hint'>
>;

/** The worst first; what is not listed comes last, in the order of the exit codes. */
const RANKS: readonly Code[] = [
  'signature',
  'rollback',
  'digest',
  'malformed',
  'too-new',
  'stale',
];

/** So many replies that never came end a check: the host is gone, and each would cost its time-out. */
const NETWORK_FAILURES_MAX = 5;

/** Collects everything that is wrong, so that one run tells all of it. */
export class Problems {
  readonly #found = new Map<string, Problem>();
  readonly #base: string;
  #networkFailures = 0;

  /** `base` is cut off from the places of problems. */
  constructor(base: string) {
    this.#base = base.replace(/\/$/, '');
  }

  /** The worst first, then by place; each once. */
  get all(): Problem[] {
    return [...this.#found.values()].sort(compareProblems);
  }

  of(level: Level): Problem[] {
    return this.all.filter((problem) => problem.level === level);
  }

  add(level: Level, code: Code, message: string, details: ProblemDetails = {}): void {
    const where =
      details.where === undefined
        ? {}
        : { where: withoutBase(this.#base, details.where) };
    const problem = { level, code, message, ...details, ...where };
    const key = [message, problem.where, problem.expected, problem.found].join('\0');
    if (!this.#found.has(key)) this.#found.set(key, problem);
  }

  error(code: Code, message: string, details: ProblemDetails = {}): void {
    this.add('error', code, message, details);
  }

  warn(code: Code, message: string, details: ProblemDetails = {}): void {
    this.add('warning', code, message, details);
  }

  info(message: string, details: ProblemDetails = {}): void {
    this.add('info', 'malformed', message, details);
  }

  /** A refusal as a problem. */
  refused(error: QxError, level: Level = 'error'): void {
    const { code, message, where, expected, found, hint } = asSeen(error);
    this.add(level, code, message, { where, expected, found, hint });
  }

  /**
   * The value of `work`; undefined when it was refused, which is then a problem. Throws for a defect of ours,
   * and once the host has failed to answer too often.
   */
  async attempt<T>(work: () => Promise<T> | T): Promise<T | undefined> {
    try {
      return await work();
    } catch (thrown) {
      const error = asQxError(thrown);
      if (error.code === 'defect') throw thrown;
      if (error.code === 'network') this.#countFailure(error);
      this.refused(error);
      return undefined;
    }
  }

  /** The exit status that the errors ask for; 0 where there is none. */
  get exitCode(): number {
    const worst = this.of('error')[0];
    return worst === undefined ? 0 : EXIT_CODES[worst.code];
  }

  #countFailure(error: QxError): void {
    this.#networkFailures += 1;
    if (this.#networkFailures > NETWORK_FAILURES_MAX) throw error;
  }
}

/** A signature file that cannot be read is no signature, whatever is wrong with its form. */
function asSeen(error: QxError): QxError {
  const unreadable = error.code === 'malformed' && error.where?.endsWith('.minisig');
  if (unreadable !== true) return error;
  const { where, expected, found, hint } = error;
  return new QxError('signature', error.message, { where, expected, found, hint });
}

function withoutBase(base: string, where: string): string {
  return where.startsWith(`${base}/`) ? where.slice(base.length + 1) : where;
}

function rankOf(code: Code): number {
  const rank = RANKS.indexOf(code);
  return rank === -1 ? RANKS.length + EXIT_CODES[code] : rank;
}

const LEVELS: readonly Level[] = ['error', 'warning', 'info'];

function compareProblems(a: Problem, b: Problem): number {
  return (
    LEVELS.indexOf(a.level) - LEVELS.indexOf(b.level) ||
    rankOf(a.code) - rankOf(b.code) ||
    compareText(a.where ?? '', b.where ?? '') ||
    compareText(a.message, b.message)
  );
}

function compareText(a: string, b: string): number {
  return a === b ? 0 : a < b ? -1 : 1;
}
