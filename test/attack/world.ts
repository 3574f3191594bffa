import fs from 'node:fs';
import path from 'node:path';
import type { Test } from 'tap';
import { serveTree } from '../support/bad-tree.ts';
import { buildClientAt } from '../support/client-at.ts';
import { type Forge, makeForge, type ReleaseOptions } from '../support/forge.ts';
import { type Finished, programPath, run } from '../support/process.ts';
import { type Host, makeHost } from '../support/sandbox.ts';
import { serve } from '../support/web.ts';
import { type Simulator, simulate } from './simulator.ts';

/**
 * Stories of attacks. In each, a publisher has a tree, a web server that may lie serves it, and a host runs release
 * 1.0.0 of it, installed by the client itself. What the client is can be said by QX_ATTACK_CLIENT (mutants.ts), and
 * which stories are told by QX_STORY, one name a line.
 */
export interface World {
  forge: Forge;
  host: Host;
  web: Simulator;
  /** A release that is as it should be but for the options: serial and release number grow by one. */
  publish(version: string, options?: ReleaseOptions): ReturnType<Forge['release']>;
  /** `qx-update … apply`, or what `args` says, with the host's clock at `at` when it is given. */
  client(how?: How): Promise<Finished>;
}

export interface How {
  args?: string[];
  /** RFC 3339 */
  at?: string;
  /** Words in front of the client: another user, … */
  as?: string[];
  /** Options of Node.js. */
  node?: string[];
}

type Tell = (t: Test, world: World) => Promise<void>;

const CHOSEN = process.env.QX_STORY?.split('\n');
/** Generous where nothing is wrong, so that a busy machine is no fault. */
const PATIENT = { connect_timeout: '20s', stall_timeout: '20s', retries: 0 };

/** Stories of one file share the host that each of them begins with. */
export function stories(
  top: Test,
  options: { skip?: string } = {},
): (name: string, tell: Tell, needed?: { skip?: string }) => void {
  // Not tap's own folder, which is the same for all that run this file: the mutants do so at the same time.
  const folder = fs.mkdtempSync('/tmp/quantix-attack-');
  top.teardown(() => fs.rmSync(folder, { recursive: true }));
  const clock = path.join(folder, 'client-at.cjs');
  let base: Promise<string> | undefined;
  let clocked: Promise<string> | undefined;
  let told = 0;
  const client = (how: How): Promise<string> | string =>
    process.env.QX_ATTACK_CLIENT ??
    (how.at === undefined
      ? programPath('qx-update')
      : (clocked ??= buildClientAt(clock)));
  return (name, tell, needed = {}) => {
    if (CHOSEN !== undefined && !CHOSEN.includes(name)) return;
    void top.test(name, { ...options, ...needed }, async (t) => {
      t.setTimeout(120_000);
      base ??= begin(top, path.join(folder, 'base'));
      told += 1;
      const here = path.join(folder, `story-${told}`);
      await tell(t, await enter(t, await base, here, client));
    });
  };
}

/** A tree with 1.0.0, and a host that has it. */
async function begin(top: Test, dir: string): Promise<string> {
  const forge = makeForge(path.join(dir, 'tree'));
  forge.release({ manifest: { floor: 1 } });
  const { url } = await serve(top, serveTree(forge.dir));
  const host = makeHost(path.join(dir, 'host'), { url, root: forge.rootBytes });
  const first = await host.run(['apply']);
  if (first.status !== 0) throw new Error(`1.0.0 was not installed: ${first.stderr}`);
  return dir;
}

async function enter(
  t: Test,
  base: string,
  dir: string,
  file: (how: How) => Promise<string> | string,
): Promise<World> {
  fs.cpSync(base, dir, { recursive: true, verbatimSymlinks: true });
  const forge = makeForge(path.join(dir, 'tree'));
  const web = await simulate(t, forge.dir);
  const host = makeHost(path.join(dir, 'host'), { url: web.url, root: forge.rootBytes });
  host.configure(PATIENT);
  const configure: Host['configure'] = (keys) => host.configure({ ...PATIENT, ...keys });
  let serial = 1;
  return {
    forge,
    host: { ...host, configure },
    web,
    publish: (version, options = {}) => {
      serial += 1;
      const manifest = { release: serial, floor: 1, ...options.manifest };
      return forge.release({ version, serial, ...options, manifest });
    },
    client: async (how = {}) => {
      // Without what the test runner adds to the environment, which would slow the client down.
      const words = [...(how.as ?? []), 'env', '-u', 'NODE_OPTIONS', process.execPath];
      const client = [...(how.node ?? []), await file(how), '--root', host.dir];
      const [program = '', ...rest] = [...words, ...client];
      const env = how.at === undefined ? {} : { QX_CLOCK: how.at };
      return run(program, [...rest, ...(how.args ?? ['apply'])], { env });
    },
  };
}
