import fs from 'node:fs';
import path from 'node:path';
import { type Finished, type RunOptions, run } from './process.ts';

/** What must not get out: forms in which it might, by the name of the secret. */
export type Marks = [name: string, form: Buffer][];

/** A secret as it is, in hexadecimal, as util.inspect shows a buffer, and in base64 wherever it begins. */
export function marksOf(name: string, secret: Buffer): Marks {
  const hex = secret.toString('hex');
  const inspected = (hex.match(/../g) ?? []).slice(0, 16).join(' ');
  const forms = [
    secret,
    hex,
    hex.toUpperCase(),
    inspected,
    secret.subarray(0, 16).join(),
  ];
  for (const at of [0, 1, 2]) {
    const whole = 3 * Math.floor((secret.length - at) / 3);
    forms.push(secret.subarray(at, at + whole).toString('base64'));
  }
  return forms.map((form) => [name, Buffer.from(form)]);
}

/** Any forty characters of a text. */
export function marksOfText(name: string, text: string): Marks {
  const pieces = text.match(/.{20}/g) ?? [];
  return pieces.map((piece) => [name, Buffer.from(piece)]);
}

/** Names of the secrets that stand in `text`, each once. */
export function leaksIn(marks: Marks, text: string | Buffer): string[] {
  const bytes = Buffer.from(text);
  const found = marks.filter(([, form]) => bytes.includes(form)).map(([name]) => name);
  return [...new Set(found)];
}

/** "path: secret" for each file below `folder` that is not one of `passed`, and for each name of one. */
export function leaksBelow(
  marks: Marks,
  folder: string,
  passed: readonly string[],
): string[] {
  const names = fs.readdirSync(folder, { recursive: true, encoding: 'utf8' });
  const looked = names.filter((name) => !passed.includes(name));
  return looked.flatMap((name) => {
    const file = path.join(folder, name);
    const content = fs.lstatSync(file).isFile() ? fs.readFileSync(file) : '';
    const found = [...leaksIn(marks, content), ...leaksIn(marks, name)];
    return found.map((secret) => `${name}: ${secret}`);
  });
}

export interface Executed {
  finished: Finished;
  /** Arguments of the program itself, as the process list shows them. */
  own: string;
  /** Arguments and environment of each program that was started on the way. */
  children: string[];
}

/** Runs a program and gives what each process of it was started with; `log` is a file of the test's own. */
export async function executed(
  words: string[],
  log: string,
  options: RunOptions,
): Promise<Executed> {
  const strace = [
    '-f',
    '-qq',
    '-v',
    '-s',
    '100000',
    '--seccomp-bpf',
    '-e',
    'trace=execve',
  ];
  const finished = await run('strace', [...strace, '-o', log, ...words], options);
  const calls = fs.readFileSync(log, 'utf8').split('\n');
  const [own = '', ...children] = calls.filter((line) => / execve\(/.test(line));
  // The environment that it was given stands behind its arguments.
  return { finished, own: own.slice(0, own.indexOf('], [')), children };
}
