import fs from 'node:fs';
import path from 'node:path';
import t, { type Test } from 'tap';
import { type Forge, makeForge } from '../support/forge.ts';
import { type Hooks, makeHooks } from '../support/hooks.ts';
import { needsRoot } from '../support/needs.ts';
import { type Host, makeHost } from '../support/sandbox.ts';
import { until } from '../support/scene.ts';
import { ROOT } from '../support/setup.mjs';

/** Hooks that are not fit to be run, and hooks that do not behave. */

t.setTimeout(600_000);

interface Scene {
  forge: Forge;
  host: Host;
  hooks: Hooks;
}

/** A host to which a release is waiting. */
function scene(t: Test, keys: Record<string, string | boolean> = {}): Scene {
  const dir = t.testdir({ tree: {}, host: {} });
  const forge = makeForge(`${dir}/tree`);
  const url = `file://${forge.dir}`;
  const host = makeHost(`${dir}/host`, { url, root: forge.rootBytes });
  host.configure({ auto_apply: true, ...keys });
  forge.release();
  return { forge, host, hooks: makeHooks(host) };
}

const ranOn = (host: Host): boolean => fs.existsSync(host.path('/ran'));
const isInstalled = (host: Host): boolean =>
  fs.existsSync(host.path('/data/bin/qx-node'));
const RAN = 'touch "$QX_ROOT/ran"';

const UNFIT: [reason: string, says: RegExp, make: (hooks: Hooks) => void][] = [
  ['not executable', /not executable/, ({ put }) => void put('drain', 'bad', RAN, 0o644)],
  ['writable by all', /mode 0757/, ({ put }) => void put('drain', 'bad', RAN, 0o757)],
  [
    'writable by its group',
    /mode 0775/,
    ({ put }) => void put('drain', 'bad', RAN, 0o775),
  ],
  [
    'in a folder that others may write',
    /drain can be written by others/,
    ({ put }) => fs.chmodSync(path.dirname(put('drain', 'bad', RAN)), 0o777),
  ],
  [
    'a link',
    /not a plain file/,
    ({ put, folder }) => {
      put('elsewhere', 'bad', RAN);
      fs.renameSync(path.join(folder, 'elsewhere'), path.join(folder, '../elsewhere'));
      fs.mkdirSync(path.join(folder, 'drain'));
      fs.symlinkSync('../../elsewhere/bad', path.join(folder, 'drain/bad'));
    },
  ],
  [
    'a folder',
    /not a plain file/,
    ({ folder }) =>
      void fs.mkdirSync(path.join(folder, 'drain/bad'), { recursive: true }),
  ],
  [
    'needed only when the update fails',
    /on-failure\/bad.*|not executable/,
    ({ put }) => void put('on-failure', 'bad', RAN, 0o600),
  ],
  [
    'in a folder that is no phase',
    /named after no phase/,
    ({ put }) => void put('predrain', 'bad', RAN),
  ],
];

t.test('a hook that may not be run stops the update before it begins', async (t) => {
  for (const [reason, says, make] of UNFIT) {
    await t.test(reason, async (t) => {
      const { host, hooks } = scene(t);
      make(hooks);
      const { status, stderr } = await host.run(['run']);
      t.equal(status, 78, stderr);
      t.match(stderr, says);
      t.match(stderr, /nothing was changed/);
      t.notOk(ranOn(host));
      t.notOk(isInstalled(host));
    });
  }
});

t.test('a hook of another user is not run', needsRoot(), async (t) => {
  const { host, hooks } = scene(t);
  fs.chownSync(hooks.put('drain', 'bad', RAN), 65534, 65534);
  const { status, stderr } = await host.run(['run']);
  t.equal(status, 78, stderr);
  t.match(stderr, /belongs to user 65534/);
  t.notOk(ranOn(host));
});

t.test('what is hidden is no hook', async (t) => {
  const { host, hooks } = scene(t);
  hooks.put('drain', '.off', RAN, 0o644);
  fs.writeFileSync(path.join(hooks.folder, 'a-health-command'), '#!/bin/sh\n');
  const { status, stderr } = await host.run(['run']);
  t.equal(status, 0, stderr);
  t.notOk(ranOn(host));
});

t.test('a hook that cannot be started', async (t) => {
  const { host, hooks } = scene(t);
  fs.writeFileSync(hooks.put('drain', 'bad'), '#!/no/such/interpreter\n');
  const { status, stderr } = await host.run(['run']);
  t.equal(status, 40, stderr);
  t.match(stderr, /hook drain\/bad could not be started/);
});

t.test('a hook that hangs is ended with all that it started', async (t) => {
  const { host, hooks } = scene(t, { hook_timeout: '1s' });
  const beat = host.path('/beat');
  hooks.put(
    'drain',
    'bad',
    `(while :; do echo >> ${beat}; sleep 0.1; done) & sleep 1000`,
  );
  hooks.put('on-failure', 'back');
  const { status, stderr } = await host.run(['run']);
  t.equal(status, 40, stderr);
  t.match(stderr, /hook drain\/bad did not end within 1s; nothing was changed/);
  t.match(stderr, /hint: .*"hook_timeout" in update\.toml/);
  t.same(hooks.ran(), ['drain/bad', 'on-failure/back']);
  await stands(t, beat);
  t.notOk(isInstalled(host));
});

/** Nobody writes to it any more. */
async function stands(t: Test, file: string): Promise<void> {
  const size = (): number => fs.statSync(file).size;
  const before = size();
  await new Promise((resolve) => setTimeout(resolve, 500));
  t.equal(size(), before, 'nothing of it runs any more');
}

t.test('100 MB of output cost no memory, and the log has their end', async (t) => {
  const { host, hooks } = scene(t);
  const loud = 'yes 0123456789 | head -c 100000000; echo; echo the end';
  hooks.put('pre-install', 'loud', loud);
  const peak = host.path('/peak');
  const env = {
    NODE_OPTIONS: `--require=${path.join(ROOT, 'test/support/peak-memory.cjs')}`,
    QX_PEAK_MEMORY: peak,
  };
  const { status, stderr } = await host.run(['run'], { env });
  t.equal(status, 0, stderr);
  const loudKiB = Number(fs.readFileSync(peak, 'utf8'));
  t.ok(loudKiB > 10_000 && loudKiB < 160_000, `${loudKiB} KiB at the most`);
  const log = fs.readFileSync(host.path('/data/updates/update.log'), 'utf8');
  t.match(log, /the end/);
  t.ok(log.length < 20_000, `${log.length} characters of log`);
});

t.test(
  'a run that is killed takes its hook along; the next one takes back',
  async (t) => {
    const { host, hooks } = scene(t);
    const beat = host.path('/beat');
    const hang = `(while :; do echo >> ${beat}; sleep 0.1; done) & sleep 1000`;
    for (const phase of ['pre-install', 'post-install']) {
      hooks.put(phase, 'hang', hang);
      hooks.put('on-failure', 'back', `echo "$QX_REASON_CODE" > ${host.path('/why')}`);
      const run = host.start(['apply', '--retry-refused']);
      // Its second line: the first may come before the guard has started.
      await until(() =>
        Promise.resolve(fs.existsSync(beat) && fs.statSync(beat).size > 1),
      );
      run.child.kill('SIGKILL');
      await run.ended;
      await stands(t, beat);
      t.same(hooks.ran(), [`${phase}/hang`]);
      const recovered = await host.run(['recover']);
      t.match(recovered, { status: 0, stdout: /is undone/ }, recovered.stderr);
      t.same(hooks.ran(), ['on-failure/back']);
      t.equal(fs.readFileSync(host.path('/why'), 'utf8'), 'interrupted\n');
      t.notOk(isInstalled(host));
      fs.rmSync(beat);
      hooks.remove(phase, 'hang');
    }
    const { status, stderr } = await host.run(['run']);
    t.equal(status, 0, stderr);
    t.same(hooks.ran(), []);
  },
);

t.test('SIGTERM ends a hook before the switch, and what it began', async (t) => {
  const { host, hooks } = scene(t);
  const beat = host.path('/beat');
  hooks.put('drain', 'hang', `echo >> ${beat}; sleep 1000`);
  hooks.put('on-failure', 'back');
  const run = host.start(['apply']);
  await until(() => Promise.resolve(fs.existsSync(beat)));
  run.child.kill('SIGTERM');
  const { status, stderr } = await run.ended;
  t.equal(status, 75, stderr);
  t.match(stderr, /stopped by SIGTERM/);
  t.same(hooks.ran(), ['drain/hang', 'on-failure/back']);
  t.notOk(isInstalled(host));
});
