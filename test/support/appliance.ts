import { execFileSync } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import { type Finished, run, type RunOptions, type Running, start } from './process.ts';
import { ROOT } from './setup.mjs';

/** What scripts of overlay/ find below `dir` instead of "/": busybox's programs, and stand-ins for what would reach this machine. */
export interface Appliance {
  dir: string;
  /** A path of the appliance, "/run/quantix", as one of this machine. */
  path(absolute: string): string;
  put(absolute: string, content: string, mode?: number): void;
  read(absolute: string): string;
  /** /usr/lib/quantix-update as the image brings it, without the client. */
  install(): void;
  /** A program that writes down its call and then does what `body` says, nothing when it says nothing. */
  stub(program: string, body?: string, absolute?: string): void;
  /** The calls of stubs so far, in order: "mount -t proc proc /proc". */
  called(): string[];
  /** Runs a file of overlay/ under busybox ash, to its end. */
  run(script: string, args?: string[], options?: RunOptions): Promise<Finished>;
  /** The same while it runs. */
  start(script: string, args?: string[], options?: RunOptions): Running;
}

/** The folder `dir` becomes an appliance with nothing but busybox in /bin. */
export function makeAppliance(dir: string): Appliance {
  linkBusybox(path.join(dir, 'bin'));
  const at = (absolute: string): string => path.join(dir, absolute);
  const put = (absolute: string, content: string, mode = 0o644): void => {
    fs.mkdirSync(path.dirname(at(absolute)), { recursive: true });
    fs.rmSync(at(absolute), { force: true });
    fs.writeFileSync(at(absolute), content, { mode });
  };
  const words = (script: string, args: string[]): string[] => [
    'ash',
    path.join(ROOT, 'overlay', script),
    ...args,
  ];
  const options = (more: RunOptions = {}): RunOptions => ({
    ...more,
    env: { ROOT: dir, ...more.env },
  });
  const install = (): void => {
    const library = 'usr/lib/quantix-update';
    for (const name of fs.readdirSync(path.join(ROOT, 'overlay', library))) {
      const from = path.join(ROOT, 'overlay', library, name);
      put(`/${library}/${name}`, fs.readFileSync(from, 'utf8'), 0o755);
    }
  };
  return {
    dir,
    path: at,
    put,
    install,
    read: (absolute) => fs.readFileSync(at(absolute), 'utf8'),
    stub: (program, body = '', absolute = `/bin/${program}`) =>
      put(
        absolute,
        `#!/bin/sh\necho "${program} $*" >> ${at('/called')}\n${body}\n`,
        0o755,
      ),
    called: () => calls(at('/called'), dir),
    run: (script, args = [], more = {}) =>
      run('busybox', words(script, args), options(more)),
    start: (script, args = [], more = {}) =>
      start('busybox', words(script, args), options(more)),
  };
}

function linkBusybox(bin: string): void {
  fs.mkdirSync(bin, { recursive: true });
  const found = execFileSync('which', ['busybox'], { encoding: 'utf8' }).trim();
  for (const name of execFileSync('busybox', ['--list'], { encoding: 'utf8' }).split(
    '\n',
  )) {
    if (name !== '') fs.symlinkSync(found, path.join(bin, name));
  }
}

function calls(file: string, dir: string): string[] {
  if (!fs.existsSync(file)) return [];
  const text = fs.readFileSync(file, 'utf8').replaceAll(dir, '');
  return text
    .split('\n')
    .filter(Boolean)
    .map((line) => line.trimEnd());
}
