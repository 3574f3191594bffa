import fs from 'node:fs';
import path from 'node:path';
import t from 'tap';
import { nodeEffects } from '../../../client/effects/node.ts';
import type { CommandCheck } from '../../../client/format/health.ts';
import type { Component } from '../../../client/format/manifest.ts';
import {
  checkHealthCommands,
  type HealthResult,
  runHealth,
} from '../../../client/services/health.ts';
import type { HealthContext } from '../../../client/services/probes.ts';
import { openServiceManager } from '../../../client/services/service-manager.ts';
import { needsRoot } from '../../support/needs.ts';

const SITE: Component = {
  name: 'host-ui',
  version: '1.5.0',
  kind: 'directory',
  install_path: '/data/share/quantix-host-ui',
  content: { sha256: 'a'.repeat(64), size: 1 },
  sources: [],
};

interface Scene {
  dir: string;
  context: HealthContext;
  /** One command check of the component. */
  run: (check: Partial<CommandCheck>, component?: Component) => Promise<HealthResult>;
  script: (file: string, text: string, mode?: number) => void;
}

/** A host with hooks.d and the content of a folder component. */
function scene(dir: string): Scene {
  const fx = nodeEffects({ PATH: process.env.PATH, SECRET: 'no' });
  const script = (file: string, text: string, mode = 0o755): void => {
    const full = path.join(dir, file);
    fs.mkdirSync(path.dirname(full), { recursive: true });
    fs.writeFileSync(full, `#!/bin/sh\n${text}\n`);
    fs.chmodSync(full, mode);
  };
  script('hooks.d/ready', 'exit 0');
  script('content/bin/selftest', 'echo "selftest $*"');
  const context: HealthContext = {
    fx,
    services: openServiceManager(fx, 'none'),
    hooksDir: path.join(dir, 'hooks.d'),
    contentOf: () => path.join(dir, 'content'),
  };
  const run: Scene['run'] = async (check, component = SITE) => {
    const health = [{ type: 'command' as const, file: 'ready', ...check }];
    const [result] = await runHealth(context, [{ ...component, health }]);
    if (result === undefined) throw new Error('no result');
    return result;
  };
  return { dir, context, run, script };
}

t.test('a command passes when it ends with 0', async (t) => {
  const { run, script } = scene(t.testdir());
  t.match(await run({}), { ok: true, check: 'command ready', output: '' });
  script('hooks.d/ready', 'echo "two guests" ; echo are left >&2 ; exit 3');
  t.match(await run({}), { ok: false, output: 'ended with 3: two guests | are left' });
  script('hooks.d/ready', 'kill -9 $$');
  t.match(await run({}), { ok: false, output: 'ended by a signal' });
  script('hooks.d/ready', 'sleep 100');
  const started = Date.now();
  t.match(await run({ timeout_seconds: 1 }), { ok: false, output: 'no end after 1 s' });
  t.ok(Date.now() - started < 5000);
});

t.test('it gets its words as they are, no shell, a small environment', async (t) => {
  const { run, script } = scene(t.testdir());
  script(
    'hooks.d/ready',
    'for word in "$@"; do echo "<$word>"; done; env | grep "^[A-Z]"; pwd',
  );
  const { output } = await run({ args: ['--min=1', 'a,b', '%40'] });
  t.match(output, /^<--min=1> \| <a,b> \| <%40> \|/);
  t.match(output, / \| \/$/);
  const names: string[] = output.match(/\b\w+(?==)/g) ?? [];
  t.notOk(names.includes('SECRET'));
  t.notOk(names.includes('USER'), 'nothing of our own environment');
  for (const name of ['HOME', 'LC_ALL', 'PATH']) t.ok(names.includes(name), name);
});

t.test('it reads about the component on its standard input', async (t) => {
  const { dir, run, script } = scene(t.testdir());
  script('hooks.d/ready', 'cat');
  t.same(JSON.parse((await run({})).output), {
    schemaVersion: 1,
    phase: 'health',
    component: 'host-ui',
    version: '1.5.0',
    kind: 'directory',
    installPath: '/data/share/quantix-host-ui',
    content: path.join(dir, 'content'),
    contentSha256: 'a'.repeat(64),
    service: null,
    try: 1,
  });
});

t.test('a command of the component itself', async (t) => {
  const { dir, context, run, script } = scene(t.testdir());
  const own = { file: './bin/selftest', args: ['--quick'] };
  t.match(await run(own), { ok: true, output: 'selftest --quick' });
  fs.symlinkSync('selftest', path.join(dir, 'content/bin/alias'));
  t.match(await run({ file: './bin/alias' }), { ok: true, output: 'selftest' });

  script('program', 'echo "I am $1"');
  const file: Component = { ...SITE, name: 'qx-node', kind: 'file' };
  context.contentOf = () => path.join(dir, 'current');
  fs.symlinkSync('program', path.join(dir, 'current'));
  const self = await run({ file: './qx-node', args: ['well'] }, file);
  t.match(self, { ok: true, output: 'I am well' });
});

t.test('a path that leaves the content is not followed', async (t) => {
  const { dir, run, script } = scene(t.testdir());
  const ran = path.join(dir, 'ran');
  script('outside/evil', `touch ${ran}`);
  fs.symlinkSync('../../outside/evil', path.join(dir, 'content/bin/evil'));
  fs.symlinkSync('../outside', path.join(dir, 'content/out'));
  fs.mkdirSync(path.join(dir, 'content-2'));
  script('content-2/evil', `touch ${ran}`);
  fs.symlinkSync('../content-2', path.join(dir, 'content/near'));
  for (const file of ['./bin/evil', './out/evil', './near/evil']) {
    const result = await run({ file });
    t.match(result, { ok: false, output: /leads out of the component/ }, file);
  }
  t.match(await run({ file: './bin/none' }), { ok: false, output: /is not there/ });
  t.match(await run({ file: './bin' }), { ok: false, output: /is not a plain file/ });
  t.notOk(fs.existsSync(ran));
});

t.test('what others could have put there is not run', async (t) => {
  const { dir, context, run, script } = scene(t.testdir());
  const ran = path.join(dir, 'ran');
  const bad = `touch ${ran}`;
  const rows: [reason: string, says: RegExp, make: () => void][] = [
    ['writable by the group', /mode 0775/, () => script('hooks.d/bad', bad, 0o775)],
    ['writable by all', /mode 0757/, () => script('hooks.d/bad', bad, 0o757)],
    ['not executable', /not executable/, () => script('hooks.d/bad', bad, 0o644)],
    [
      'a link',
      /not a plain file/,
      () => {
        script('elsewhere', bad);
        fs.symlinkSync('../elsewhere', path.join(dir, 'hooks.d/bad'));
      },
    ],
    [
      'a folder',
      /not a plain file/,
      () => fs.mkdirSync(path.join(dir, 'hooks.d/bad'), { recursive: true }),
    ],
    ['missing', /is not there/, () => undefined],
    [
      'in a folder that others may write',
      /hooks\.d can be written by others/,
      () => {
        script('hooks.d/bad', bad);
        fs.chmodSync(path.join(dir, 'hooks.d'), 0o777);
      },
    ],
  ];
  for (const [reason, says, make] of rows) {
    make();
    const result = await run({ file: 'bad' });
    t.match(result, { ok: false, output: says }, reason);
    const health = [{ type: 'command' as const, file: 'bad' }];
    await t.rejects(
      checkHealthCommands(context, [{ ...SITE, health }]),
      { code: 'config', found: says },
      `${reason}: seen before anything is changed`,
    );
    fs.rmSync(path.join(dir, 'hooks.d/bad'), { recursive: true, force: true });
  }
  t.notOk(fs.existsSync(ran));
  fs.rmSync(path.join(dir, 'hooks.d'), { recursive: true });
  t.match(await run({ file: 'bad' }), { ok: false, output: /there is no folder/ });
});

t.test('a command of another user is not run', needsRoot(), async (t) => {
  const { dir, run } = scene(t.testdir());
  fs.chownSync(path.join(dir, 'hooks.d/ready'), 65534, 65534);
  t.match(await run({}), { ok: false, output: /belongs to user 65534/ });
  fs.chownSync(path.join(dir, 'hooks.d/ready'), 0, 0);
  fs.chownSync(path.join(dir, 'hooks.d'), 65534, 65534);
  t.match(await run({}), { ok: false, output: /belongs to user 65534/ });
});

t.test('commands of the host that are in order, and those of components', async (t) => {
  const { context } = scene(t.testdir());
  const health = [
    { type: 'command' as const, file: 'ready' },
    { type: 'command' as const, file: './not/installed/yet' },
    { type: 'tcp' as const, port: 1 },
  ];
  await checkHealthCommands(context, [{ ...SITE, health }, SITE]);
});
