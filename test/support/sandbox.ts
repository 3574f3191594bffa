import fs from 'node:fs';
import path from 'node:path';
import { stringify } from 'smol-toml';
import {
  type Finished,
  programPath,
  qxRepo,
  qxUpdate,
  type Running,
  type RunOptions,
  start,
} from './process.ts';
import { snapshot } from './snapshot.ts';

/** A host in a folder: what `--root DIR` makes of one. */
export interface Host {
  /** The folder that stands for "/". */
  dir: string;
  /** `qx-update --root DIR …` to its end. */
  run(args: string[], options?: RunOptions): Promise<Finished>;
  /** The same while it runs. */
  start(args: string[], options?: RunOptions): Running;
  /** A path of the host, "/data/bin/qx-node", as one of this machine. */
  path(absolute: string): string;
  /** Everything below a path of the host. */
  snapshot(absolute: string): Record<string, string>;
  /** Writes /quantix/update.toml: the keys that every test host has, and these. */
  configure(keys: Record<string, unknown>): void;
}

/**
 * A host whose "/" is the folder `dir`, which trusts `root` (the bytes or the path of a trust root)
 * and asks `url`. It updates quantix-os, restarts nothing and does not splay.
 */
export function makeHost(
  dir: string,
  options: { url: string; root: string | Buffer },
): Host {
  fs.mkdirSync(path.join(dir, 'quantix'), { recursive: true });
  const root =
    typeof options.root === 'string' ? fs.readFileSync(options.root) : options.root;
  fs.writeFileSync(path.join(dir, 'quantix/root.json'), root);
  const host: Host = {
    dir,
    run: (args, more) => qxUpdate(['--root', dir, ...args], more),
    start: (args, more) =>
      start(programPath('qx-update'), ['--root', dir, ...args], more),
    path: (absolute) => path.join(dir, absolute),
    snapshot: (absolute) => snapshot(path.join(dir, absolute)),
    configure: (keys) => writeConfiguration(dir, { url: options.url, ...keys }),
  };
  host.configure({});
  return host;
}

function writeConfiguration(dir: string, keys: Record<string, unknown>): void {
  const all = {
    product: 'quantix-os',
    trust_root: '/quantix/root.json',
    service_manager: 'none',
    splay: '0s',
    ...keys,
  };
  fs.writeFileSync(path.join(dir, 'quantix/update.toml'), stringify(all));
}

/** A publisher's workspace, made by `qx-repo init` with unprotected keys. */
export interface Workspace {
  dir: string;
  /** The tree that is served. */
  public: string;
  /** `qx-repo …` in it, to its end, whatever its status. */
  run(args: string[], options?: RunOptions): Promise<Finished>;
  /** The same; throws with what it printed when it does not end with 0. */
  ok(args: string[], options?: RunOptions): Promise<Finished>;
}

export async function makeWorkspace(
  dir: string,
  repository = 'test-repository',
): Promise<Workspace> {
  await expectOk(
    qxRepo(['init', dir, '--repository', repository, '--no-password']),
    'init',
  );
  const run = (args: string[], options: RunOptions = {}): Promise<Finished> =>
    qxRepo(args, { cwd: dir, ...options });
  const ok = (args: string[], options?: RunOptions): Promise<Finished> =>
    expectOk(run(args, options), args.join(' '));
  return { dir, public: path.join(dir, 'public'), run, ok };
}

/** A release of quantix-os on stable whose qx-node prints its version. */
export async function publishNode(workspace: Workspace, version: string): Promise<void> {
  const node = path.join(workspace.dir, 'qx-node');
  fs.writeFileSync(node, `#!/bin/sh\necho ${version}\n`, { mode: 0o755 });
  const release = ['--product', 'quantix-os', '--version', version];
  const component = ['--component', `qx-node=${node}`];
  await workspace.ok(['generate', ...release, '--channel', 'stable', ...component]);
}

async function expectOk(running: Promise<Finished>, what: string): Promise<Finished> {
  const finished = await running;
  if (finished.status === 0) return finished;
  throw new Error(
    `${what} ended with ${finished.status}:\n${finished.stdout}${finished.stderr}`,
  );
}
