import fs from 'node:fs';
import t, { type Test } from 'tap';
import { sha256 } from '../support/forge.ts';
import { type Hooks, makeHooks } from '../support/hooks.ts';
import { archive, file, folder } from '../support/tar.ts';
import { installed, running, type Scene, SERVICE } from '../support/scene.ts';

t.setTimeout(600_000);

/** A host with one release installed and running, and nothing in its hooks.d yet. */
async function scene(t: Test): Promise<Scene & { hooks: Hooks; first: Buffer }> {
  const all = await running(t);
  return { ...all, hooks: makeHooks(all.host) };
}

const PHASES = ['pre-check', 'pre-install', 'drain', 'post-install', 'on-failure'];
const noRecord = (host: Scene['host']): boolean =>
  !fs.existsSync(host.path('/data/updates/hooks.json'));

t.test('hooks run phase by phase, in the order of their names', async (t) => {
  const { host, hooks, publish, services } = await scene(t);
  for (const phase of PHASES) {
    hooks.put(phase, '20-second');
    hooks.put(phase, '10-first');
  }
  t.equal((await host.run(['run'])).status, 0);
  t.same(hooks.ran(), [], 'nothing new, nothing asked');
  publish({ version: '1.1.0' });
  t.equal((await host.run(['check'])).status, 0);
  t.same(hooks.ran(), [], 'nor by a look');
  const { status, stderr } = await host.run(['run']);
  t.equal(status, 0, stderr);
  const both = (phase: string): string[] => [`${phase}/10-first`, `${phase}/20-second`];
  t.same(hooks.ran(), PHASES.slice(0, 4).flatMap(both), 'and no failure');
  t.same(services.calls(SERVICE), ['start', 'restart']);
  t.match(stderr, /hook drain\/10-first/);
  t.ok(noRecord(host));
});

t.test('a hook is told what goes on, and nothing of our environment', async (t) => {
  const { host, hooks, publish } = await scene(t);
  const told = host.path('/told');
  const tell = `cat > ${told}-$QX_PHASE; env -0 > ${told}-$QX_PHASE.env; ls -l /proc/$$/fd > ${told}-fds; pwd > ${told}-$QX_PHASE.pwd`;
  for (const phase of ['pre-check', 'pre-install', 'post-install'])
    hooks.put(phase, 'tell', tell);
  hooks.put(
    'post-install',
    'tell',
    `${tell}; cat "$QX_CONTENTS/qx-node" > ${told}-content`,
  );
  const content = publish({ version: '1.1.0' });
  const env = { SECRET: 'no', QX_UPDATE_CHANNEL: 'stable' };
  t.equal((await host.run(['run'], { env })).status, 0);
  const read = (name: string): string => fs.readFileSync(`${told}-${name}`, 'utf8');
  const json = JSON.parse(read('pre-install'));
  t.match(json, {
    schemaVersion: 1,
    phase: 'pre-install',
    run: /^[0-9a-f]{16}$/,
    kind: 'components',
    product: 'quantix-os',
    channel: 'stable',
    from: '1.0.0',
    to: '1.1.0',
    components: [
      {
        name: 'qx-node',
        version: '1.1.0',
        kind: 'file',
        installPath: '/data/bin/qx-node',
        service: SERVICE,
        contentSha256: sha256(content),
        content: host.path('/data/components/generations/2/qx-node'),
      },
    ],
    reason: null,
  });
  t.match(JSON.parse(read('pre-check')), {
    phase: 'pre-check',
    components: [{ content: null }],
  });
  t.equal(JSON.parse(read('post-install')).run, json.run, 'one update, one run');
  t.equal(read('content'), content.toString(), 'the new content is at hand');
  const names = read('pre-install.env').split('\0').filter(Boolean);
  t.equal(read('pre-install.pwd'), '/\n');
  // The last two are the test runner's own.
  const allowed =
    /^(PATH|HOME|LC_ALL|PWD|OLDPWD|SHLVL|_|QX_[A-Z_]+|_TAPJS\w+|NODE_OPTIONS)=/;
  t.same(
    names.filter((line) => !allowed.test(line)),
    [],
  );
  t.notOk(names.some((line) => line.startsWith('QX_UPDATE_')));
  for (const line of ['QX_FROM=1.0.0', 'QX_TO=1.1.0', `QX_ROOT=${host.dir}`])
    t.ok(names.includes(line), line);
  t.notMatch(read('fds'), /updates\/lock/, 'the lock is ours alone');
});

/** What a hook of each phase does with an update when it says "not now", and when it refuses. */
const NO: { phase: string; deferred: string[]; refused: string[]; switched: boolean }[] =
  [
    {
      phase: 'pre-check',
      deferred: ['pre-check/no'],
      refused: ['pre-check/no'],
      switched: false,
    },
    {
      phase: 'pre-install',
      deferred: ['pre-install/no', 'on-failure/back'],
      refused: ['pre-install/no', 'on-failure/back'],
      switched: false,
    },
    {
      phase: 'drain',
      deferred: ['drain/no', 'on-failure/back'],
      refused: ['drain/no', 'on-failure/back'],
      switched: false,
    },
    {
      phase: 'post-install',
      deferred: ['post-install/no', 'on-failure/back'],
      refused: ['post-install/no', 'on-failure/back'],
      switched: true,
    },
  ];

for (const { phase, deferred, refused, switched } of NO) {
  t.test(`a ${phase} hook stops an update`, async (t) => {
    const { host, hooks, publish, services, first, asks } = await scene(t);
    const why = host.path('/why');
    hooks.put('on-failure', 'back', `echo "$QX_REASON_CODE: $QX_REASON" > ${why}`);
    hooks.put(phase, 'no', 'echo guests are busy; exit 75');
    publish({ version: '1.1.0' });
    const later = await host.run(['run']);
    t.equal(later.status, 75, later.stderr);
    t.match(later.stderr, new RegExp(`hook ${phase}/no says: not now`));
    t.match(later.stderr, /guests are busy/);
    t.same(hooks.ran(), deferred);
    t.equal(installed(host), sha256(first), 'nothing was changed');
    t.equal(await asks(), '1.0.0');
    const restarts = switched ? ['restart', 'restart'] : [];
    t.same(services.calls(SERVICE), ['start', ...restarts]);
    if (phase !== 'pre-check')
      t.match(fs.readFileSync(why, 'utf8'), `deferred: hook ${phase}/no says: not now`);

    hooks.put(phase, 'no', 'echo "cannot: no quorum" >&2; exit 3');
    const failed = await host.run(['run']);
    t.equal(failed.status, 40, failed.stderr);
    t.match(failed.stderr, new RegExp(`hook ${phase}/no ended with 3`));
    t.match(failed.stderr, /no quorum/);
    t.same(hooks.ran(), refused);
    t.equal(installed(host), sha256(first));
    if (phase !== 'pre-check')
      t.match(
        fs.readFileSync(why, 'utf8'),
        `apply-failed: hook ${phase}/no ended with 3`,
      );
    t.match(fs.readFileSync(host.path('/data/updates/update.log'), 'utf8'), 'no quorum');
    t.ok(noRecord(host));
    t.same(fs.readdirSync(host.path('/data/components/generations')), ['1']);

    hooks.put(phase, 'no', 'exit 0');
    const again = await host.run(['run']);
    // What failed after the switch is refused until somebody says otherwise; what never came to it is asked again.
    t.equal(again.status, switched ? 75 : 0, again.stderr);
    if (switched) t.match(again.stderr, /was taken back on this host before/);
    if (switched) t.equal((await host.run(['apply', '--retry-refused'])).status, 0);
    t.equal(await asks(), '1.1.0');
  });
}

t.test('on-failure comes when the old set is back, before it starts', async (t) => {
  const { host, hooks, publish, services, first } = await scene(t);
  const seen = host.path('/seen');
  const look = `readlink ${host.path('/data/components/current')} > ${seen}; cat ${host.path('/services')}/*.calls | wc -l >> ${seen}`;
  hooks.put('on-failure', '10-look', look);
  hooks.put('on-failure', '20-other');
  publish({ version: '1.1.0', healthStatus: 500 });
  const failed = await host.run(['run']);
  t.equal(failed.status, 40, failed.stderr);
  t.same(hooks.ran(), ['on-failure/10-look', 'on-failure/20-other']);
  t.match(fs.readFileSync(seen, 'utf8'), /^generations\/1\n2\n$/);
  t.same(services.calls(SERVICE), ['start', 'restart', 'restart']);
  t.equal(installed(host), sha256(first));
});

t.test('what cannot be taken back is tried by every run before all else', async (t) => {
  const { host, hooks, publish, asks } = await scene(t);
  hooks.put('on-failure', '10-broken', 'echo the store is full; exit 1');
  hooks.put('on-failure', '20-other');
  publish({ version: '1.1.0', healthStatus: 500 });
  const failed = await host.run(['run']);
  t.equal(failed.status, 41, failed.stderr);
  t.match(failed.stderr, /hook on-failure\/10-broken ended with 1/);
  t.match(failed.stderr, /the store is full/);
  t.same(hooks.ran(), ['on-failure/10-broken', 'on-failure/20-other'], 'the others too');
  t.equal(await asks(), '1.0.0');
  publish({ version: '1.2.0' });
  const again = await host.run(['run']);
  t.equal(again.status, 41, again.stderr);
  t.match(again.stderr, /what hooks had begun is not taken back/);
  hooks.put('on-failure', '10-broken', 'echo not yet; exit 75');
  const later = await host.run(['run']);
  t.equal(later.status, 75, later.stderr);
  hooks.put('on-failure', '10-broken');
  t.equal((await host.run(['recover'])).stdout, 'an interrupted update is undone\n');
  t.equal((await host.run(['run'])).status, 0);
  t.equal(await asks(), '1.2.0');
});

t.test('a service that a hook stops is started all the same', async (t) => {
  const { host, hooks, publish, services, asks } = await scene(t);
  hooks.put('pre-install', 'stop', `${services.manager} ${SERVICE} stop`);
  publish({ version: '1.1.0' });
  const { status, stderr } = await host.run(['run']);
  t.equal(status, 0, stderr);
  t.equal(await asks(), '1.1.0');
});

t.test('a component names hooks of the host or brings them along', async (t) => {
  const { host, forge, hooks } = await scene(t);
  host.configure({ auto_apply: true, allow_paths: ['/data/'] });
  const script = `#!/bin/sh\necho "brought by $QX_TO" >> ${host.path('/ledger')}\n`;
  const tree = (mode: number): Buffer =>
    archive(
      folder('hooks'),
      folder('hooks/post-install'),
      file('hooks/post-install/check', script.length, mode),
      script,
    );
  const publish = (serial: number, named: string[], mode = 0o755): void => {
    const content = tree(mode);
    forge.release({
      version: `2.${serial}.0`,
      serial,
      manifest: {
        release: serial,
        components: [
          {
            name: 'tools',
            version: `2.${serial}.0`,
            kind: 'directory',
            install_path: '/data/tools',
            content: { sha256: sha256(content), size: content.length },
            sources: [forge.object(content, 'br')],
            hooks: named,
          },
        ],
      },
    });
  };
  publish(11, ['move-guests']);
  const refused = await host.run(['run']);
  t.equal(refused.status, 25, refused.stderr);
  t.match(refused.stderr, /tools: a hook is not there/);
  t.notOk(fs.existsSync(host.path('/data/tools/hooks')));

  hooks.put('drain', 'move-guests');
  publish(12, ['move-guests', 'check']);
  const { status, stderr } = await host.run(['run']);
  t.equal(status, 0, stderr);
  t.same(hooks.ran(), ['drain/move-guests', 'brought by 2.12.0']);

  publish(13, ['move-guests']);
  t.equal((await host.run(['run'])).status, 0);
  t.same(hooks.ran(), ['drain/move-guests'], 'what is not named is not run');
  publish(14, ['check'], 0o644);
  const unfit = await host.run(['run']);
  t.equal(unfit.status, 78, unfit.stderr);
  t.match(unfit.stderr, /error: a hook cannot be run/);
  t.same(hooks.ran(), []);
  t.match(unfit.stderr, /not executable/);
});

t.test('rollback by hand asks no hook', async (t) => {
  const { host, hooks, publish, asks } = await scene(t);
  publish({ version: '1.1.0' });
  t.equal((await host.run(['run'])).status, 0);
  for (const phase of PHASES) hooks.put(phase, 'no', 'exit 1');
  t.equal((await host.run(['rollback'])).status, 0);
  t.equal(await asks(), '1.0.0');
  t.same(hooks.ran(), []);
});
