import { spawn } from 'node:child_process';
import crypto from 'node:crypto';
import fs from 'node:fs';
import path from 'node:path';
import t, { type Test } from 'tap';
import { needs } from '../support/needs.ts';
import { type Running, programPath, qxRepo, start } from '../support/process.ts';
import {
  type Host,
  type Workspace,
  makeHost,
  makeWorkspace,
} from '../support/sandbox.ts';
import { SERVICE, freePort, until } from '../support/scene.ts';
import { seeded } from '../support/seeded.ts';
import {
  type ServerTraits,
  type Services,
  makeServices,
  serverScript,
} from '../support/services/services.ts';

/** A developer's machine: a build folder, a workspace, and a host whose quantix-node is a real server. */
interface Desk {
  workspace: Workspace;
  host: Host;
  services: Services;
  /** What the build writes. */
  built: string;
  /** A build: the server, with `more` bytes that do nothing. */
  save: (traits: ServerTraits, moreBytes?: number) => void;
  /** `qx-repo dev`, until it is stopped. */
  dev: (...args: string[]) => Loop;
  /** The version that the running service tells. */
  serves: (version: string) => Promise<boolean>;
}

interface Loop extends Running {
  events(): Event[];
  /** Waits for as many events that fit as `count` says. */
  saw(fits: (event: Event) => boolean, count?: number): Promise<void>;
  /** Ctrl-C. */
  stop(): Promise<void>;
}

interface Event {
  event: string;
  version?: string;
  status?: number;
  takenBack?: boolean;
  seconds?: number;
  error?: { code: string };
  output?: string[];
  url?: string;
}

async function desk(t: Test): Promise<Desk> {
  const dir = t.testdir({ build: {}, host: {} });
  const workspace = await makeWorkspace(`${dir}/workspace`);
  // Neither the address nor the channel of the configuration is what dev serves.
  const host = makeHost(`${dir}/host`, {
    url: 'https://updates.invalid',
    root: path.join(workspace.public, 'root/1.json'),
  });
  host.configure({ service_manager: '/services/manager.sh', arch: 'x86_64' });
  const services = makeServices(t, `${dir}/host/services`);
  const port = await freePort();
  services.define(SERVICE, host.path('/data/bin/qx-node'), String(port));
  declareHealth(workspace, port);
  const built = `${dir}/build/qx-node`;
  const serves = async (version: string): Promise<boolean> =>
    (await (await fetch(`http://127.0.0.1:${port}/version`)).text()).trim() === version;
  return {
    workspace,
    host,
    services,
    built,
    save: (traits, moreBytes) => saveServer(built, traits, moreBytes),
    dev: (...args) => startLoop(t, workspace, built, args),
    serves,
  };
}

function declareHealth({ dir }: Workspace, port: number): void {
  const file = path.join(dir, 'quantix-repo.toml');
  const check = `health = [{ type = "http", port = ${port}, path = "/health", retries = 10 }]`;
  const text = fs.readFileSync(file, 'utf8');
  fs.writeFileSync(file, text.replace(`restart_service = "${SERVICE}"`, `$&\n${check}`));
}

/** As a linker does it: written under the name itself, and executable at the end. */
function saveServer(built: string, traits: ServerTraits, moreBytes = 0): void {
  const padding = crypto.randomBytes((moreBytes * 3) / 4).toString('base64');
  fs.writeFileSync(built, `${serverScript(traits)}// ${padding}\n`);
  fs.chmodSync(built, 0o755);
}

function startLoop(t: Test, workspace: Workspace, built: string, args: string[]): Loop {
  const words = ['dev', '--json', '--component', `qx-node=${built}`];
  if (!args.includes('--port')) words.push('--port', '0');
  const running = start(programPath('qx-repo'), [...words, ...args], {
    cwd: workspace.dir,
  });
  t.teardown(() => running.child.kill('SIGKILL'));
  const events = (): Event[] =>
    running
      .stdout()
      .split('\n')
      .slice(0, -1)
      .map((line) => JSON.parse(line) as Event);
  const saw = async (fits: (event: Event) => boolean, count = 1): Promise<void> => {
    while (events().filter(fits).length < count) {
      if (running.child.exitCode !== null || running.child.signalCode !== null)
        throw new Error(`dev ended:\n${running.stdout()}${running.stderr()}`);
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
  };
  const stop = async (): Promise<void> => {
    running.child.kill('SIGINT');
    const { status, stderr } = await running.ended;
    t.equal(status, 0, `Ctrl-C is a good end: ${stderr}`);
  };
  return { ...running, events, saw, stop };
}

const applied =
  (version: string, status = 0) =>
  (event: Event): boolean =>
    event.event === 'applied' && event.status === status && event.version === version;

const took = (event: Event): boolean => event.event === 'applied' && event.status === 0;

/** The service of a desk after its first release. */
async function running(desk: Desk, ...args: string[]): Promise<Loop> {
  desk.save({ version: 'one' });
  const loop = desk.dev('--host', desk.host.dir, ...args);
  await loop.saw(took);
  desk.services.call(SERVICE, 'start');
  await until(() => desk.serves('one'));
  return loop;
}

t.test('a saved file is what the restarted service runs', needs('flock'), async (t) => {
  const desk_ = await desk(t);
  const { save, serves, workspace } = desk_;
  const loop = await running(desk_);
  save({ version: 'two' }, 10_000_000);
  await loop.saw(took, 2);
  t.ok(await serves('two'), 'answers with what was saved');
  t.comment(`10 MB: ${loop.events().findLast(took)?.seconds} s after the save`);

  save({ version: 'three' });
  save({ version: 'four' });
  await until(() => serves('four'));
  t.pass('two saves quickly: the last one');

  await loop.stop();
  t.equal((await workspace.run(['verify'])).status, 0, 'the tree is whole');
});

t.test(
  'a save that makes the service unwell is taken back, and the next one goes on',
  needs('flock'),
  async (t) => {
    const desk_ = await desk(t);
    const { save, serves } = desk_;
    const loop = await running(desk_);
    save({ version: 'broken', healthStatus: 500 });
    await loop.saw(applied('0.1.0-dev.2', 40));
    const back = loop.events().findLast(({ event }) => event === 'applied');
    t.equal(back?.takenBack, true);
    t.match(back?.output?.join('\n'), /status 500|health of broken/, 'and says why');
    t.ok(await serves('one'), 'the release before runs');
    save({ version: 'mended' });
    await loop.saw(applied('0.1.0-dev.3'));
    t.ok(await serves('mended'));
    await loop.stop();
  },
);

t.test(
  'what cannot be published is told, and the loop goes on',
  needs('flock'),
  async (t) => {
    const { save, built, workspace, dev } = await desk(t);
    const failed =
      (code: string) =>
      (event: Event): boolean =>
        event.event === 'failed' && event.error?.code === code;
    save({ version: 'one' });
    const holder = spawn('flock', ['.qx-repo/lock', 'sleep', '1000'], {
      cwd: workspace.dir,
      detached: true,
    });
    const freed = (): boolean => process.kill(-(holder.pid ?? 0), 'SIGKILL');
    t.teardown(() => holder.exitCode ?? holder.signalCode ?? freed());
    const loop = dev('--wait', '0');
    await loop.saw(failed('locked'));
    freed();
    await loop.saw(({ version }) => version === '0.1.0-dev.1');
    t.pass('published without another save');

    fs.chmodSync(built, 0o4755);
    await loop.saw(failed('malformed'));
    fs.rmSync(built);
    await loop.saw(({ event }) => event === 'missing');
    save({ version: 'two' });
    await loop.saw(({ version }) => version === '0.1.0-dev.2');

    const toml = path.join(workspace.dir, 'quantix-repo.toml');
    const text = fs.readFileSync(toml, 'utf8');
    fs.writeFileSync(toml, 'repository = ');
    await loop.saw(failed('config'));
    fs.writeFileSync(toml, text.replace('order = 2', 'order = 7'));
    await loop.saw(({ version }) => version === '0.1.0-dev.3');
    t.pass('settings that were mended are a reason to try again');
    await loop.stop();
  },
);

t.test(
  'killed at any moment and started again, it goes on',
  needs('flock'),
  async (t) => {
    const seed = Number(process.env.QX_TEST_SEED ?? Date.now() % 1_000_000);
    t.comment(`seed ${seed}`);
    const random = seeded(seed);
    const desk_ = await desk(t);
    const { save, serves, host, dev, workspace } = desk_;
    await (await running(desk_)).stop();
    for (let round = 0; round < 3; round += 1) {
      const loop = dev('--host', host.dir);
      await loop.saw(({ event }) => event === 'published');
      save({ version: `round ${round}` }, 1_000_000);
      await loop.saw(({ event }) => event === 'changed');
      await new Promise((resolve) => setTimeout(resolve, random.below(600)));
      loop.child.kill('SIGKILL');
      await loop.ended;
      const again = dev('--host', host.dir);
      await again.saw(took);
      t.ok(await serves(`round ${round}`), `round ${round}`);
      await again.stop();
    }
    const { status, stdout, stderr } = await workspace.run(['verify']);
    t.equal(status, 0, stdout + stderr);
  },
);

t.test('Ctrl-C in the middle of a publication leaves a whole tree', async (t) => {
  const { save, dev, workspace } = await desk(t);
  save({ version: 'one' }, 30_000_000);
  const loop = dev();
  const staging = path.join(workspace.dir, '.qx-repo/staging');
  const begun = (): boolean =>
    fs.existsSync(staging) && fs.readdirSync(staging).length > 0;
  await until(() => Promise.resolve(begun()));
  await loop.stop();
  t.match(loop.events().at(-1), { event: 'stopped' });
  const { status, stdout, stderr } = await qxRepo(['verify', workspace.public]);
  t.equal(status, 0, stdout + stderr);
});

t.test('two loops in one workspace take two ports', async (t) => {
  const { save, dev } = await desk(t);
  save({ version: 'one' });
  const port = String(await freePort());
  const loops = [dev('--port', port), dev('--port', port)] as const;
  for (const loop of loops) await loop.saw(({ event }) => event === 'published');
  const urls = loops.map((loop) => loop.events()[0]?.url);
  t.not(urls[0], urls[1]);
  t.match(urls.join(' '), new RegExp(`:${port}/`));
  for (const loop of loops) await loop.stop();
});
