import fs from 'node:fs';
import path from 'node:path';
import { nodeEffects } from '../../client/effects/node.ts';
import type { Effects, Lock } from '../../client/effects/effects.ts';
import { type Manifest, parseManifest } from '../../client/format/manifest.ts';
import { type Pointer, parsePointer } from '../../client/format/pointer.ts';
import { run } from '../../generator/run.ts';

// eslint-disable-next-line @typescript-eslint/no-explicit-any -- what it holds is the test's own affair
export type Json = Record<string, any>;

/** The clock of these tests, unless one says otherwise. */
export const NOW = '2026-03-01T12:00:00Z';

export interface CallOptions {
  /** Time of day, NOW when not given. */
  now?: string;
  env?: Record<string, string>;
  /** What standard input gives. */
  input?: string;
  effects?: Effects;
  templates?: string[];
  clients?: string[];
}

export interface Called {
  status: number;
  stdout: string;
  stderr: string;
}

/** `qx-repo …` in a folder, inside this process: real files, a clock that stands still, no terminal. */
export async function qxRepo(
  cwd: string,
  args: string[],
  options: CallOptions = {},
): Promise<Called> {
  const printed = { stdout: '', stderr: '' };
  const sink = (name: 'stdout' | 'stderr') => ({
    write: (text: string) => (printed[name] += text),
  });
  const status = await run(args, {
    effects: options.effects ?? effectsAt(options.now),
    env: { SOURCE_DATE_EPOCH: `${Date.parse(NOW) / 1000}`, ...options.env },
    cwd,
    input: {
      isTerminal: false,
      readAll: () => Promise.resolve(Buffer.from(options.input ?? '')),
      askHidden: () => Promise.reject(new Error('nobody is asked')),
    },
    who: 'process 4711',
    workers: 2,
    templates: options.templates ?? [],
    clients: options.clients ?? [],
    stdout: sink('stdout'),
    stderr: sink('stderr'),
    version: '0.0.0',
  });
  return { status, ...printed };
}

/** The real effects under a clock that moves only by sleeping; nothing waits for the medium or a lock. */
export function effectsAt(now = NOW): Effects {
  let ms = Date.parse(now);
  const real = nodeEffects({});
  const sleep = async (delay: number): Promise<void> => {
    ms += delay;
    await real.clock.sleep(Math.min(delay, 5));
  };
  const lock = (): Promise<Lock> => Promise.resolve({ release: () => Promise.resolve() });
  const files = {
    ...real.files,
    lock,
    syncDirectory: () => Promise.resolve(),
    open: openUnsynced,
  };
  return { ...real, files, clock: { now: () => ms, sleep } };
}

const openUnsynced: Effects['files']['open'] = async (...args) => ({
  ...(await nodeEffects({}).files.open(...args)),
  sync: () => Promise.resolve(),
});

/** The same; throws with what was printed unless it ends with 0. Gives what --json printed. */
export async function ok(
  cwd: string,
  args: string[],
  options: CallOptions = {},
): Promise<Json> {
  const called = await qxRepo(cwd, [...args, '--json'], options);
  if (called.status === 0) return JSON.parse(called.stdout) as Json;
  throw new Error(
    `qx-repo ${args.join(' ')} ended with ${called.status}:\n${called.stderr}`,
  );
}

/** A new workspace of the repository "test" with unprotected keys. */
export async function newWorkspace(
  dir: string,
  options: CallOptions = {},
): Promise<string> {
  const args = ['init', dir, '--repository', 'test', '--no-password', '--issued', NOW];
  await ok(path.dirname(dir), args, options);
  return dir;
}

export function write(file: string, content: string | Buffer, mode = 0o644): string {
  fs.mkdirSync(path.dirname(file), { recursive: true });
  fs.writeFileSync(file, content);
  fs.chmodSync(file, mode);
  return file;
}

export function readJson(...parts: string[]): Json {
  return JSON.parse(fs.readFileSync(path.join(...parts), 'utf8')) as Json;
}

/** Every file below a folder, path → content in base64. */
export function filesBelow(folder: string): Record<string, string> {
  const names = fs.readdirSync(folder, { recursive: true, encoding: 'utf8' }).sort();
  const files = names.filter((name) => fs.statSync(path.join(folder, name)).isFile());
  return Object.fromEntries(
    files.map((name) => [
      name,
      fs.readFileSync(path.join(folder, name)).toString('base64'),
    ]),
  );
}

/** `--component` flags of a small release: one program, one folder. */
export function smallRelease(dir: string, text: string): string[] {
  const program = write(
    path.join(dir, 'build/qx-node'),
    `#!/bin/sh\necho ${text}\n`.repeat(40),
    0o755,
  );
  write(path.join(dir, 'build/ui/index.html'), `<h1>${text}</h1>\n`);
  write(
    path.join(dir, 'build/ui/js/app.js'),
    `console.log(${JSON.stringify(text)});\n`.repeat(30),
  );
  return [
    '--component',
    `qx-node=${program}`,
    '--component',
    `host-ui=${path.join(dir, 'build/ui')}`,
    '--product',
    'quantix-os',
    '--issued',
    NOW,
  ];
}

/** A pointer of quantix-os as it lies in the tree. */
export function pointerOf(workspace: string, channel: string): Pointer {
  const file = path.join(workspace, `public/channels/quantix-os/${channel}.json`);
  return parsePointer(fs.readFileSync(file));
}

/** The manifest that `generate --json` speaks of. */
export function manifestOf(workspace: string, result: Json): Manifest {
  const { path: file } = result.manifest as { path: string };
  return parseManifest(fs.readFileSync(path.join(workspace, 'public', file)));
}
