import fs from 'node:fs';
import path from 'node:path';
import t, { type Test } from 'tap';
import type { HistoryEntry } from '../../client/state/history.ts';
import {
  makeHost,
  makeWorkspace,
  publishNode,
  type Host,
  type Workspace,
} from '../support/sandbox.ts';
import { serve } from '../support/web.ts';

/** Who [notify] names: a service of the test that remembers what it was told. */
interface Listener {
  url: string;
  /** "GET /ping", in the order in which they came. */
  heard: string[];
  /** Bodies of POSTs. */
  bodies: { host: string; entries: HistoryEntry[] }[];
  /** Status of the answers from now on; null never answers. */
  answer: (status: number | null) => void;
}

async function listen(t: Test): Promise<Listener> {
  const heard: string[] = [];
  const bodies: Listener['bodies'] = [];
  let status: number | null = 200;
  const { url } = await serve(t, (request, response) => {
    heard.push(`${request.method} ${request.url}`);
    let body = '';
    request.on('data', (piece: Buffer) => (body += piece.toString()));
    request.on('end', () => {
      if (body !== '') bodies.push(JSON.parse(body) as (typeof bodies)[number]);
      if (status !== null) response.writeHead(status).end();
    });
  });
  return { url, heard, bodies, answer: (next) => (status = next) };
}

interface World {
  workspace: Workspace;
  host: Host;
  listener: Listener;
  publish: (version: string) => Promise<void>;
}

async function makeWorld(t: Test): Promise<World> {
  const dir = t.testdir();
  const workspace = await makeWorkspace(path.join(dir, 'updates'));
  const publish = (version: string): Promise<void> => publishNode(workspace, version);
  await publish('1.0.0');
  const host = makeHost(path.join(dir, 'host'), {
    url: `file://${workspace.public}`,
    root: path.join(workspace.public, 'root/1.json'),
  });
  const listener = await listen(t);
  host.configure({
    auto_apply: true,
    notify: {
      metrics_file: '/quantix/qx-update.prom',
      ping_url: `${listener.url}/ping?token=MARKER`,
      ping_failure_url: `${listener.url}/failed?token=MARKER`,
      webhook_url: `${listener.url}/hook?token=MARKER`,
    },
  });
  return { workspace, host, listener, publish };
}

const PING = 'GET /ping?token=MARKER';
const FAILED = 'GET /failed?token=MARKER';
const HOOK = 'POST /hook?token=MARKER';

t.test('who is told how a run ended', async (t) => {
  const { workspace, host, listener } = await makeWorld(t);
  const { heard, bodies } = listener;
  const run = async (status: number, ...told: string[]): Promise<void> => {
    heard.length = 0;
    const ended = await host.run(['run', '--now']);
    t.equal(ended.status, status, ended.stderr);
    t.same(heard, told);
  };

  await run(0, PING, HOOK);
  t.match(bodies.at(-1), {
    host: /^[0-9a-f]{32}$/,
    entries: [{ event: 'installed', version: '1.0.0' }],
  });
  const file = host.path('/quantix/qx-update.prom');
  t.match(fs.readFileSync(file, 'utf8'), /version="1\.0\.0"/);

  await run(0, PING);
  t.pass('a run with nothing new has nothing to tell but that it ran');

  fs.writeFileSync(path.join(workspace.public, 'channels/quantix-os/stable.json'), '{}');
  await run(20, FAILED, HOOK);
  t.match(bodies.at(-1)?.entries, [{ event: 'refused', exitCode: 20 }]);
  t.match(fs.readFileSync(file, 'utf8'), /last_exit_code 20/);
  await run(20, FAILED);
  t.pass('the same refusal again is told by the ping alone');

  heard.length = 0;
  await host.run(['check']);
  t.same(heard, [], 'only the runs of cron are told of');
});

t.test('a host whose turn has not come is well', async (t) => {
  const { host, listener } = await makeWorld(t);
  await host.run(['hold']);
  t.equal((await host.run(['run', '--now'])).status, 75);
  t.equal(listener.heard[0], PING);
  t.notOk(listener.heard.includes(FAILED));
});

t.test('what cannot be told changes nothing and is told by the next run', async (t) => {
  const { host, listener, publish } = await makeWorld(t);
  listener.answer(500);
  t.equal((await host.run(['run', '--now'])).status, 0);
  // Nobody answers: the run goes on after its five seconds.
  listener.answer(null);
  await publish('1.1.0');
  t.equal((await host.run(['run', '--now'])).status, 0);
  t.match((await host.run(['current'])).stdout, /1\.1\.0/);
  const log = fs.readFileSync(host.path('/data/updates/update.log'), 'utf8');
  t.match(log, / notify-failed webhook_url: the answer was 500/);
  t.match(log, / notify-failed ping_url: the host does not answer/);
  t.notMatch(log, /MARKER/, 'addresses are secrets');

  listener.answer(204);
  listener.bodies.length = 0;
  t.equal((await host.run(['run', '--now'])).status, 0);
  const versions = listener.bodies.flatMap(({ entries }) =>
    entries.map(({ event, version }) => `${event} ${version}`),
  );
  t.same(versions, ['installed 1.0.0', 'installed 1.1.0']);

  host.configure({ auto_apply: true, notify: { metrics_file: '/nowhere/m.prom' } });
  t.equal((await host.run(['run', '--now'])).status, 0, 'a folder that is not there');
});
