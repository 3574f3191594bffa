import { spawnSync } from 'node:child_process';
import fs from 'node:fs';
import os from 'node:os';
import { whereIs } from '../support/programs.mjs';
import type { Line } from './row.ts';

const HEAD = ['work', 'against', 'measured, ours : theirs', 'result', 'bar', ''];
const BEGIN = '<!-- written by npm run bench -->';
const END = '<!-- end -->';

/** The table as Markdown. */
export function tableOf(lines: readonly Line[]): string {
  const rows = lines.map(({ work, against, measured, result, bar, met }) => [
    ...[work, against, measured, result, bar, met ? 'met' : '**missed**'],
  ]);
  const shown = [HEAD, HEAD.map(() => '---'), ...rows].map(
    (cells) => `| ${cells.map((cell) => cell.replaceAll('|', '\\|')).join(' | ')} |`,
  );
  return shown.join('\n');
}

/** On what, when, with which versions, and how busy the machine was with other things. */
export function circumstances(loadBefore: number, minutes: number): string {
  const [cpu] = os.cpus();
  const memory = `${(os.totalmem() / 2 ** 30).toFixed(0)} GiB`;
  const date = new Date().toISOString().slice(0, 10);
  return [
    `${date}, ${os.cpus().length} × ${cpu?.model ?? 'unknown'}, ${memory}, ${os.type()} ${os.release()};`,
    `load before the run ${loadBefore.toFixed(2)}, ${minutes.toFixed(0)} minutes in all.`,
    `${versions().join(', ')}.`,
  ].join('\n');
}

function versions(): string[] {
  const first = (program: string, flag: string): string => {
    const { stdout, stderr } = spawnSync(whereIs(program) ?? program, [flag], {
      encoding: 'utf8',
    });
    return /\d+\.\d+\.\d+\S*/.exec(stdout + stderr)?.[0] ?? 'unknown';
  };
  return [
    `Node.js ${process.versions.node}`,
    `nginx ${first('nginx', '-v')}`,
    `curl ${first('curl', '--version')}`,
    `OpenSSL ${first('openssl', 'version')}`,
    `brotli ${first('brotli', '--version')}`,
  ];
}

/** Puts `text` between the marks of the file. */
export function writeBetweenMarks(file: string, text: string): void {
  const before = fs.readFileSync(file, 'utf8');
  const [head, tail] = [before.split(BEGIN)[0], before.split(END)[1]];
  if (head === before || tail === undefined) throw new Error(`${file} has no marks`);
  fs.writeFileSync(file, `${head}${BEGIN}\n\n${text}\n\n${END}${tail}`);
}
