import fs from 'node:fs';
import path from 'node:path';
import t from 'tap';
import { nodeEffects } from '../../../client/effects/node.ts';
import {
  openServiceManager,
  type ServiceManager,
} from '../../../client/services/service-manager.ts';
import { needs } from '../../support/needs.ts';
import { makeServices, sleeper } from '../../support/services/services.ts';

const SERVICE = 'quantix-node';

function write(file: string, content: string | Buffer, mode = 0o755): string {
  fs.mkdirSync(path.dirname(file), { recursive: true });
  fs.writeFileSync(file, content);
  fs.chmodSync(file, mode);
  return file;
}

/** A manager whose programs are looked for in `dir` first. */
function managerIn(dir: string, kind: string): ServiceManager {
  return openServiceManager(nodeEffects({ PATH: dir }), kind);
}

async function stateOf(manager: ServiceManager): Promise<string> {
  return (await manager.status(SERVICE)).state;
}

t.test('a program of the host', needs('flock', 'setsid'), async (t) => {
  const dir = t.testdir();
  const services = makeServices(t, path.join(dir, 'services'));
  const program = write(path.join(dir, 'bin/node'), sleeper('1'));
  const manager = openServiceManager(nodeEffects(process.env), services.manager);

  t.equal(await manager.isRunning(SERVICE), null, 'not defined yet');
  services.define(SERVICE, program, '1000d');
  t.equal(await stateOf(manager), 'stopped');
  t.equal(await manager.isRunning(SERVICE), false);

  const started = await manager.act(SERVICE, 'start', 10_000);
  t.match(started, { ok: true, output: /quantix-node: started, pid \d+/ });
  t.equal(await manager.isRunning(SERVICE), true);
  const first = services.pid(SERVICE) ?? 0;

  const old = services.runs(SERVICE);
  fs.rmSync(program);
  write(program, sleeper('2'));
  t.equal(services.runs(SERVICE), old, 'it runs what it was started from');
  t.match(await manager.act(SERVICE, 'restart', 10_000), { ok: true });
  t.not(services.pid(SERVICE), first);
  t.not(services.runs(SERVICE), old, 'and now what stands there');
  t.notOk(fs.existsSync(`/proc/${first}/exe`), 'the old process is gone');

  process.kill(services.pid(SERVICE) ?? 0, 'SIGKILL');
  t.equal(await stateOf(manager), 'failed', 'killed, not stopped');
  t.match(await manager.act(SERVICE, 'stop', 10_000), { ok: true });
  t.equal(await stateOf(manager), 'stopped');

  fs.rmSync(program);
  t.match(await manager.act(SERVICE, 'start', 10_000), {
    ok: false,
    output: /cannot be run/,
  });
  t.same(services.calls(SERVICE), ['start', 'restart', 'stop', 'start']);
});

t.test('a service that ignores SIGTERM is stopped all the same', async (t) => {
  const dir = t.testdir();
  const services = makeServices(t, dir);
  const script = '#!/bin/sh\ntrap "" TERM\necho deaf\nwhile :; do sleep 0.1; done\n';
  services.define(SERVICE, write(path.join(dir, 'deaf'), script));
  t.equal(services.call(SERVICE, 'start'), 0);
  while (!services.log(SERVICE).includes('deaf')) await new Promise(setImmediate);
  const pid = services.pid(SERVICE);
  t.equal(services.call(SERVICE, 'stop'), 0);
  t.notOk(fs.existsSync(`/proc/${pid}/exe`));
});

t.test('a restart that never ends is ended with all that it started', async (t) => {
  const dir = t.testdir();
  const pids = path.join(dir, 'pids');
  const script = `#!/bin/sh\nsleep 1000 &\necho $! > ${pids}\necho waiting\nwait\n`;
  const manager = openServiceManager(nodeEffects({}), write(path.join(dir, 'm'), script));
  const before = Date.now();
  const outcome = await manager.act(SERVICE, 'restart', 500);
  t.ok(Date.now() - before < 5000);
  t.match(outcome, { ok: false, output: 'waiting | no end after 0.5 s' });
  t.ok(outcome.durationMs >= 450);
  const pid = fs.readFileSync(pids, 'utf8').trim();
  const state = fs.existsSync(`/proc/${pid}/stat`)
    ? fs.readFileSync(`/proc/${pid}/stat`, 'utf8').replace(/^.*\) /, '')[0]
    : 'gone';
  t.match(state, /gone|Z/, 'the child of the script');
});

t.test('a service that keeps the pipes of its script is not waited for', async (t) => {
  const dir = t.testdir();
  const pids = path.join(dir, 'pid');
  const script = `#!/bin/sh\nsleep 1000 &\necho $! > ${pids}\necho started\n`;
  const manager = openServiceManager(nodeEffects({}), write(path.join(dir, 'm'), script));
  const before = Date.now();
  t.match(await manager.act(SERVICE, 'start', 20_000), { ok: true, output: 'started' });
  t.ok(Date.now() - before < 5000);
  t.ok(process.kill(Number(fs.readFileSync(pids, 'utf8')), 'SIGKILL'), 'and it lives');
});

t.test('output is its last 2 kB, on one line, without control characters', async (t) => {
  const script = `#!/bin/sh
i=0; while [ $i -lt 300 ]; do echo "line $i of a long story"; i=$((i + 1)); done
printf '\\033[31mred\\033[0m\\a\\ttab\\r\\n\\377 end' >&2
exit 7
`;
  const manager = openServiceManager(
    nodeEffects({}),
    write(path.join(t.testdir(), 'm'), script),
  );
  const { ok, output } = await manager.act(SERVICE, 'start', 10_000);
  t.notOk(ok);
  t.ok(Buffer.byteLength(output) <= 2048, `${Buffer.byteLength(output)}`);
  t.ok(Buffer.byteLength(output) > 1800);
  t.match(
    output,
    /line 298 of a long story \| line 299 of a long story \| red tab \| end$/,
  );
  t.notMatch(output, /[\x00-\x1f\x7f-\x9f]/);
});

t.test('a manager starts with a clean environment, from "/"', async (t) => {
  const script = '#!/bin/sh\npwd\nenv | grep "^[A-Z]"\n';
  const program = write(path.join(t.testdir(), 'm'), script);
  const manager = openServiceManager(
    nodeEffects({ PATH: '/opt/own/bin:relative:', SECRET: 'no' }),
    program,
  );
  const { output } = await manager.act(SERVICE, 'start', 10_000);
  t.match(output, /^\/ \|/);
  t.match(output, /PATH=\/opt\/own\/bin:.*\/sbin/);
  t.match(output, /HOME=\/( |$)/);
  t.notMatch(output, /SECRET|relative/);
});

t.test('a manager that is not there', async (t) => {
  const manager = openServiceManager(nodeEffects({}), '/nonexistent/manager');
  await t.rejects(manager.status(SERVICE), {
    code: 'config',
    where: '/nonexistent/manager',
    found: 'there is no such program',
  });
  t.match(await manager.act(SERVICE, 'restart', 1000), {
    ok: false,
    output: 'there is no such program',
  });
});

t.test('no service manager at all', async (t) => {
  const manager = openServiceManager(nodeEffects({}), 'none');
  t.equal(await manager.isRunning(SERVICE), null);
  t.match(await manager.act(SERVICE, 'restart', 1000), { ok: true, output: '' });
});

/** A program that notes how it was called and answers as its table says: "ARGS" → [status, output]. */
function fake(dir: string, name: string, answers: Record<string, [number, string]>) {
  const calls = path.join(dir, `${name}.calls`);
  const cases = Object.entries(answers).map(
    ([args, [status, output]]) => `'${args}') printf '${output}'; exit ${status} ;;`,
  );
  write(
    path.join(dir, name),
    `#!/bin/sh\necho "$*" >> ${calls}\ncase "$*" in\n${cases.join('\n')}\n*) exit 99 ;;\nesac\n`,
  );
  return () => fs.readFileSync(calls, 'utf8').split('\n').slice(0, -1);
}

t.test('OpenRC: what the statuses of rc-service mean', async (t) => {
  const rows: [number, string, boolean | null][] = [
    [0, 'running', true],
    [3, 'stopped', false],
    [4, 'stopped', false],
    [8, 'starting', false],
    [16, 'starting', false],
    [32, 'failed', false],
  ];
  for (const [status, state, running] of rows) {
    const dir = t.testdir({});
    fake(dir, 'rc-service', { [`${SERVICE} status`]: [status, ' * status: it'] });
    const manager = managerIn(dir, 'openrc');
    t.same(await manager.status(SERVICE), { state, output: '* status: it' });
    t.equal(await manager.isRunning(SERVICE), running, `${status}`);
  }
});

t.test('OpenRC: a service that is not there and one whose script fails', async (t) => {
  for (const [exists, state] of [
    [1, 'unknown'],
    [0, 'failed'],
  ] as const) {
    const dir = t.testdir({});
    fake(dir, 'rc-service', {
      [`${SERVICE} status`]: [1, ''],
      [`--exists ${SERVICE}`]: [exists, ''],
    });
    t.equal(await stateOf(managerIn(dir, 'openrc')), state);
  }
});

t.test('OpenRC: actions', async (t) => {
  const dir = t.testdir();
  const calls = fake(dir, 'rc-service', {
    [`${SERVICE} restart`]: [0, ' * Starting %s ...'],
    [`${SERVICE} stop`]: [1, ' * ERROR: cannot stop'],
  });
  const manager = managerIn(dir, 'openrc');
  t.match(await manager.act(SERVICE, 'restart', 9000), { ok: true, output: /Starting/ });
  t.match(await manager.act(SERVICE, 'stop', 9000), { ok: false, output: /ERROR/ });
  t.same(calls(), [`${SERVICE} restart`, `${SERVICE} stop`]);
});

const SHOW = `show --property=LoadState --property=ActiveState ${SERVICE}`;
const STATUS = `status --no-pager --full --lines=10 ${SERVICE}`;

t.test('systemd: what systemctl shows', async (t) => {
  const rows: [string, string, string][] = [
    ['loaded', 'active', 'running'],
    ['loaded', 'reloading', 'running'],
    ['loaded', 'activating', 'starting'],
    ['loaded', 'inactive', 'stopped'],
    ['loaded', 'failed', 'failed'],
    ['masked', 'inactive', 'stopped'],
    ['not-found', 'inactive', 'unknown'],
  ];
  for (const [load, active, state] of rows) {
    const dir = t.testdir({});
    fake(dir, 'systemctl', {
      [SHOW]: [0, `LoadState=${load}\\nActiveState=${active}\\n`],
      [STATUS]: [3, 'Nov 23 it: cannot open the database\\n'],
    });
    const status = await managerIn(dir, 'systemd').status(SERVICE);
    t.equal(status.state, state, `${load} ${active}`);
    if (state === 'failed') t.match(status.output, /cannot open the database/);
  }
});

t.test('systemd: a host that was not booted with it', async (t) => {
  const dir = t.testdir();
  fake(dir, 'systemctl', { [SHOW]: [1, 'System has not been booted with systemd\\n'] });
  await t.rejects(managerIn(dir, 'systemd').status(SERVICE), {
    code: 'config',
    found: /has not been booted with systemd/,
  });
});

t.test('systemd: a service that crashed too often is let start again', async (t) => {
  const dir = t.testdir();
  const calls = fake(dir, 'systemctl', {
    [`restart --no-ask-password ${SERVICE}`]: [0, ''],
    [`stop --no-ask-password ${SERVICE}`]: [0, ''],
    [`reset-failed ${SERVICE}`]: [1, 'not loaded'],
  });
  const manager = managerIn(dir, 'systemd');
  t.match(await manager.act(SERVICE, 'restart', 9000), { ok: true });
  t.match(await manager.act(SERVICE, 'stop', 9000), { ok: true });
  t.same(calls(), [
    `reset-failed ${SERVICE}`,
    `restart --no-ask-password ${SERVICE}`,
    `stop --no-ask-password ${SERVICE}`,
  ]);
});
