import { type Code, QxError } from '../../client/format/error.ts';
import { type Chance, seeded } from '../support/seeded.ts';

/** What became of an input: taken, or refused with a code. */
export type Verdict = 'accepted' | Code;

/** One reader of bytes that nobody vouches for. */
export interface Target {
  name: string;
  /** The codes that it may refuse with. */
  codes: readonly Code[];
  /** An input near to a valid one. The same chance makes the same input. */
  make(chance: Chance): Buffer;
  /** Reads it. Throws QxError for a refusal, Fault for what must not be so. */
  judge(input: Buffer): void | Promise<void>;
}

/** Something that no input may bring about. */
export class Fault extends Error {}

export interface Failure {
  target: string;
  seed: number;
  number: number;
  reason: string;
  input: Buffer;
}

export interface Report {
  /** Cases by what became of them. */
  verdicts: Record<string, number>;
  failures: Failure[];
}

/** A run of one target: cases `from` to below `to`. */
export interface Stretch {
  target: string;
  seed: number;
  from: number;
  to: number;
}

/** A case that takes longer than this, three times in a row, is a way to keep a host busy. */
const LIMIT_MS = 2_000;
/** Enough to see what is wrong; the rest of the stretch is left out. */
const FAILURES_MAX = 5;

/** Each case has a chance of its own, so that it can be made again without those before it. */
export function makeCase(target: Target, seed: number, number: number): Buffer {
  return target.make(seeded((seed + Math.imul(number, 0x9e3779b1)) | 0));
}

/** All cases of a stretch; `begin` hears of each before it is judged. */
export async function runStretch(
  target: Target,
  { seed, from, to }: Stretch,
  begin: (number: number) => void = () => undefined,
): Promise<Report> {
  const report: Report = { verdicts: {}, failures: [] };
  for (let number = from; number < to; number += 1) {
    begin(number);
    const input = makeCase(target, seed, number);
    try {
      const verdict = await judgeInTime(target, input);
      report.verdicts[verdict] = (report.verdicts[verdict] ?? 0) + 1;
    } catch (error) {
      const reason = error instanceof Fault ? error.message : stackOf(error);
      report.failures.push({ target: target.name, seed, number, reason, input });
      if (report.failures.length === FAILURES_MAX) break;
    }
  }
  return report;
}

/** A busy machine is slow now and then; an input that is slow stays so. */
async function judgeInTime(target: Target, input: Buffer): Promise<Verdict> {
  for (let tries = 3; tries > 0; tries -= 1) {
    const started = performance.now();
    const verdict = await judgeOnce(target, input);
    if (performance.now() - started < LIMIT_MS) return verdict;
  }
  throw new Fault(`took more than ${LIMIT_MS} ms three times`);
}

/** The verdict; anything but a QxError with one of the target's codes is thrown on. */
export async function judgeOnce(target: Target, input: Buffer): Promise<Verdict> {
  try {
    await target.judge(input);
    return 'accepted';
  } catch (error) {
    if (!(error instanceof QxError)) throw error;
    if (!target.codes.includes(error.code)) throw error;
    if (/[\0-\x08\x0a-\x1f\x7f]/.test(said(error)))
      throw new Fault(`its refusal is not one printable line: ${said(error)}`);
    return error.code;
  }
}

function said({ message, where, expected, found }: QxError): string {
  return [message, where, expected, found].join('; ');
}

function stackOf(error: unknown): string {
  return error instanceof Error ? (error.stack ?? error.message) : String(error);
}
