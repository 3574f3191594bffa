import fs from 'node:fs';
import t, { type Test } from 'tap';
import { runCommandLine } from '../../../client/cli.ts';
import { nodeEffects } from '../../../client/effects/node.ts';
import type { Pointer } from '../../../client/format/pointer.ts';
import { makeForge } from '../../support/forge.ts';
import { makeHost } from '../../support/sandbox.ts';

/** A host of stable 1.1.0, and three more channels. */
async function scene(t: Test) {
  const dir = t.testdir({ tree: {}, host: {} });
  const forge = makeForge(`${dir}/tree`);
  const url = `file://${forge.dir}`;
  const host = makeHost(`${dir}/host`, { url, root: forge.rootBytes });
  host.configure({ auto_apply: true });
  const qx = async (args: string[], answer: string | null = null) => {
    const ended = { status: 0, stdout: '', stderr: '', asked: 0 };
    ended.status = await runCommandLine(['--root', host.dir, ...args], {
      fx: nodeEffects({}),
      env: {},
      stdout: { write: (text) => void (ended.stdout += text) },
      stderr: { write: (text) => void (ended.stderr += text) },
      signal: new AbortController().signal,
      machine: 'x86_64',
      ask: () => {
        ended.asked += 1;
        return Promise.resolve(answer);
      },
    });
    return ended;
  };
  const other = (
    name: string,
    version: string,
    release: number,
    more: Partial<Pointer> = {},
  ) => {
    const { pointer } = forge.release({
      version,
      manifest: { release },
      pointer: { channel: name, ...more },
    });
    const folder = `${forge.dir}/channels/quantix-os`;
    fs.renameSync(`${folder}/stable.json`, `${folder}/${name}.json`);
    return pointer;
  };
  const { manifests } = other('beta', '1.2.0', 3);
  const via = [{ version: '1.2.0', release: 3, for: '<1.2.0', manifests }];
  other('far', '2.0.0', 4, { via });
  other('old', '1.0.0', 1);
  other('back', '1.0.0', 1, { rollback: true });
  forge.release({ version: '1.1.0', manifest: { release: 2 } });
  t.equal((await qx(['apply'])).status, 0);
  const file = host.path('/quantix/update.toml');
  const configured = (): string =>
    /channel = "([^"]*)"/.exec(fs.readFileSync(file, 'utf8'))?.[1] ?? 'stable';
  return { qx, configured };
}

t.test('a channel says what it has before it is followed', async (t) => {
  const { qx, configured } = await scene(t);
  t.match(await qx(['channel']), { status: 0, stdout: 'stable\n' });
  const no = await qx(['channel', 'beta'], 'no');
  t.match(no, {
    status: 2,
    asked: 1,
    stderr: /beta has quantix-os 1\.2\.0; installed is 1\.1\.0/,
  });
  t.match(no.stderr, /the next run installs it[^]*not confirmed/);
  t.match(await qx(['channel', 'beta']), {
    status: 2,
    stderr: /nobody can be asked[^]*--yes/,
  });
  t.equal(configured(), 'stable');
  t.match(await qx(['channel', 'beta'], ' Yes '), { status: 0, stdout: /follows beta/ });
  t.equal(configured(), 'beta');
  t.match(await qx(['channel', 'beta']), { status: 0, asked: 0, stdout: 'beta\n' });
  t.match(await qx(['check', '--json']), { stdout: /"version": "1\.2\.0"/ });
});

t.test('a stepping stone is told, and taken first', async (t) => {
  const { qx } = await scene(t);
  const dry = await qx(['channel', 'far', '--dry-run', '--json']);
  t.match(JSON.parse(dry.stdout), { step: 'forward', version: '2.0.0', stone: '1.2.0' });
  const changed = await qx(['channel', 'far', '--yes']);
  t.match(changed.stderr, /the next run installs 1\.2\.0, a stepping stone on the way,/);
  t.match(await qx(['run']), { status: 0 });
  t.match(await qx(['status']), { stdout: /1\.2\.0/ });
  const beta = await qx(['channel', 'beta', '--dry-run', '--json']);
  t.match(JSON.parse(beta.stdout), { step: 'same', stone: null });
});

t.test('a step back is told as what it is, and a run does what was told', async (t) => {
  for (const [name, step, says, status] of [
    ['old', 'not-taken', /a step back, which is not taken/, 22],
    ['back', 'back', /a step back that the publisher asks for/, 0],
  ] as const) {
    const { qx, configured } = await scene(t);
    const dry = await qx(['channel', name, '--dry-run', '--json']);
    t.match(JSON.parse(dry.stdout), {
      step,
      version: '1.0.0',
      installedVersion: '1.1.0',
      changed: false,
    });
    t.equal(configured(), 'stable');
    const changed = await qx(['channel', name, '--yes']);
    t.match(changed, { status: 0, stderr: says });
    t.equal(configured(), name);
    t.equal((await qx(['run'])).status, status, name);
  }
});

t.test('what is no channel is not followed', async (t) => {
  const { qx, configured } = await scene(t);
  t.match(await qx(['channel', 'Beta!', '--yes']), {
    status: 2,
    stderr: /not the name of a channel/,
  });
  const missing = await qx(['channel', 'nowhere', '--yes']);
  t.not(missing.status, 0);
  t.match(missing.stderr, /nowhere/);
  t.equal(configured(), 'stable');
});
