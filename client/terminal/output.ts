import { QxError } from '../format/error.ts';
import { createProgress, type Progress, type Sink, silentProgress } from './progress.ts';

export type { Sink };

export interface OutputOptions {
  /** Program name, before every message of an error. */
  program: string;
  json?: boolean;
  quiet?: boolean;
  verbose?: boolean;
  /** False for --no-progress. */
  progress?: boolean;
  /** False for --no-color and NO_COLOR. */
  color?: boolean;
  stdout: Sink;
  stderr: Sink;
  now: () => number;
}

/** Where a program talks: answers go to stdout, everything else to stderr. */
export interface Output {
  readonly json: boolean;
  readonly quiet: boolean;
  /** A line of talk; not with --quiet. */
  say(line: string): void;
  /** A line of talk for a person who sits at a terminal. */
  aside(line: string): void;
  /** A line of talk for --verbose. */
  detail(line: string): void;
  /** Something that a person should see even with --quiet. */
  warn(line: string): void;
  /**
   * The answer of a command: one JSON value with --json, else what `human` makes of it.
   * Null where all was told by events.
   */
  result(value: object | null, human: () => string): void;
  /** Something that a command which goes on has done: a line of NDJSON with --json, else a line for people. */
  event(value: object, human: () => string): void;
  /** On stderr: lines for a person, with --json one line of NDJSON. */
  error(error: QxError): void;
  progress(label: string, totalBytes: number): Progress;
}

export const SCHEMA_VERSION = 1;

export function createOutput(options: OutputOptions): Output {
  const {
    program,
    json = false,
    quiet = false,
    verbose = false,
    stdout,
    stderr,
  } = options;
  const line = (text: string): void => void stderr.write(`${text}\n`);
  const paint = (code: number, text: string): string =>
    options.color !== false && stderr.isTTY === true
      ? `\u001b[${code}m${text}\u001b[0m`
      : text;
  return {
    json,
    quiet,
    say: (text) => {
      if (!quiet) line(text);
    },
    aside: (text) => {
      if (!quiet && stderr.isTTY === true) line(text);
    },
    detail: (text) => {
      if (verbose) line(paint(2, text));
    },
    warn: (text) => {
      line(`${program}: ${paint(33, 'warning')}: ${text}`);
    },
    result: (value, human) => {
      const answer = { schemaVersion: SCHEMA_VERSION, ...value };
      const asJson = value === null ? '' : JSON.stringify(answer, null, 2);
      const text = json ? asJson : human();
      if (text !== '') stdout.write(`${text}\n`);
    },
    event: (value, human) => {
      const text = json
        ? JSON.stringify({ schemaVersion: SCHEMA_VERSION, ...value })
        : human();
      if (json || !quiet) stdout.write(`${text}\n`);
    },
    error: (error) => {
      if (json)
        line(
          JSON.stringify({ schemaVersion: SCHEMA_VERSION, error: errorRecord(error) }),
        );
      else for (const text of errorLines(error, program, paint)) line(text);
    },
    progress: (label, totalBytes) =>
      quiet || json || options.progress === false
        ? silentProgress
        : createProgress(label, totalBytes, stderr, options.now),
  };
}

/** A refusal as it is stored in the client's state and printed with --json. */
export function errorRecord(error: QxError): Record<string, string | number> {
  const { code, exitCode, message, where, expected, found, hint } = error;
  const record = { code, exitCode, message, where, expected, found, hint };
  return Object.fromEntries(
    Object.entries(record).filter(
      (entry): entry is [string, string | number] => entry[1] !== undefined,
    ),
  );
}

function errorLines(
  error: QxError,
  program: string,
  paint: (code: number, text: string) => string,
): string[] {
  const lines = [`${program}: ${paint(31, 'error')}: ${error.message}`];
  for (const label of ['where', 'expected', 'found'] as const) {
    const value = error[label];
    if (value !== undefined) lines.push(`  ${label.padEnd(8)}  ${value}`);
  }
  if (error.hint !== undefined)
    lines.push(`${program}: ${paint(36, 'hint')}: ${error.hint}`);
  return lines;
}

const DISK_ERRORS = new Set([
  'EACCES', 'EPERM', 'EROFS', 'ENOSPC', 'EDQUOT', 'EIO', 'EMFILE', 'ENFILE', 'ENOTDIR', 'EISDIR',
  'EEXIST', 'ENOENT', 'ELOOP', 'ENOTEMPTY', 'EXDEV', 'EFBIG', 'ENAMETOOLONG', 'EBUSY', 'ENXIO',
]); // prettier-ignore

/** Whatever was thrown, as the one error class: a failing disk is told from a defect of ours. */
export function asQxError(error: unknown): QxError {
  if (error instanceof QxError) return error;
  const { code, path, message, stack } = Object(error) as NodeJS.ErrnoException;
  if (code !== undefined && DISK_ERRORS.has(code)) {
    return new QxError('disk', DISK_MESSAGES[code] ?? 'the disk refused', {
      where: path,
      found: message,
      hint: DISK_HINTS[code],
      cause: error,
    });
  }
  return new QxError('defect', 'a defect of this program', {
    found: stack ?? String(error),
    cause: error,
  });
}

const DISK_MESSAGES: Partial<Record<string, string>> = {
  ENOSPC: 'no space left on the disk',
  EDQUOT: 'the quota is used up',
  EROFS: 'the file system is read-only',
  EACCES: 'permission denied',
  EPERM: 'operation not permitted',
  EIO: 'the disk failed',
  ENOENT: 'no such file or folder',
  EMFILE: 'this program may open no more files',
  ENFILE: 'this machine can open no more files',
};

const DISK_HINTS: Partial<Record<string, string>> = {
  ENOSPC: 'free some space, then run again: what was downloaded is kept',
  EROFS: 'mount it writable, or choose another folder',
  EACCES: 'run as the user who owns it (root on an appliance)',
  EIO: 'look at the kernel log (dmesg) for the failing disk',
  EMFILE: 'raise the limit where it is started: "ulimit -n 256", LimitNOFILE=256',
  ENFILE: 'end what holds so many, or raise fs.file-max (sysctl)',
};
