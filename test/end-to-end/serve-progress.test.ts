import { randomBytes } from 'node:crypto';
import fs from 'node:fs';
import https from 'node:https';
import t, { type Test } from 'tap';
import { needs } from '../support/needs.ts';
import { startNginx } from '../support/nginx.ts';
import { run, start } from '../support/process.ts';
import type { Host } from '../support/sandbox.ts';
import { makeSite, startServing } from '../support/serving.ts';

/** An update that is watched, by polling and by server-sent events. */

const CLIENTS = 50;
const EVERY_MS = 1000;
const BARE_EVERY_MS = 250;
/** Of the CPU that the least HTTPS server of Node.js takes for an answer of the same length. */
const TIMES_MAX = 5;

interface Status {
  status: string;
  progress?: { percentage: number };
}

t.test(
  'fifty who poll during an update cost little, and see it go on to its end',
  needs('curl', 'openssl', 'nginx'),
  async (t) => {
    const site = await makeSite(t);
    await site.publish('1.0.0', { 'qx-node': randomBytes(700_000).toString('latin1') });
    const nginx = await startNginx(t, site.workspace.public, {
      directives: 'limit_rate 120k;',
    });
    site.host.configure({ url: nginx.url });
    const serving = await startServing(t, site.host);
    const url = `https://localhost:${serving.port}/api/v1/updates`;
    const events = run('curl', ['-ksN', '--max-time', '30', `${url}/events`]);
    const agents = Array.from(
      { length: CLIENTS },
      () =>
        new https.Agent({ keepAlive: true, maxSockets: 1, rejectUnauthorized: false }),
    );
    t.teardown(() => agents.forEach((agent) => agent.destroy()));
    // Each is connected, and what is needed for that is loaded.
    await Promise.all(agents.map((agent) => get(`${url}/status`, agent)));

    t.equal((await serving.ask('apply', '-X', 'POST')).status, 200);
    const started = Date.now();
    const before = cpuMs(serving.running.child.pid);
    const seen = await Promise.all(
      agents.map((agent, at) => watch(`${url}/status`, agent, at)),
    );
    const spentMs = cpuMs(serving.running.child.pid) - before;
    const share = spentMs / (Date.now() - started);
    t.comment(`${(share * 100).toFixed(1)} % of a core, ${spentMs} ms`);
    const bareMs = await costOfBare(t, site.host, agents, seen);
    const times = `${(spentMs / bareMs).toFixed(1)} times ${bareMs} ms`;
    t.ok(spentMs < TIMES_MAX * bareMs, times);

    for (const statuses of seen) {
      t.equal(statuses.at(-1)?.status, 'complete');
      const percents = statuses.flatMap(({ progress }) => progress?.percentage ?? []);
      t.same(
        percents,
        [...percents].sort((a, b) => a - b),
        'never back',
      );
    }
    t.ok(seen.flat().some(({ progress }) => (progress?.percentage ?? 0) > 0));

    await serving.kill();
    const told = (await events).stdout.split('\n\n').flatMap((event) => {
      const [, data] = /^event: status\ndata: (.*)$/.exec(event) ?? [];
      return data === undefined ? [] : [JSON.parse(data) as Status];
    });
    const order = told.map(({ status }) => status);
    t.equal(order[0], 'idle', 'the first event says how it stands');
    t.ok(order.filter((status) => status === 'downloading').length > 2);
    t.equal(order.at(-1), 'complete');
    const texts = told.map((each) => JSON.stringify(each));
    t.ok(
      texts.every((text, at) => text !== texts[at - 1]),
      'only what is new is told',
    );
  },
);

/** Until the update is over; as the web UI does, each from another moment on. */
async function watch(url: string, agent: https.Agent, at: number): Promise<Status[]> {
  const statuses: Status[] = [];
  await pause((at * EVERY_MS) / CLIENTS);
  for (let tries = 0; tries < 60; tries += 1) {
    const status = await get(url, agent);
    statuses.push(status);
    if (status.status === 'complete' || status.status === 'error') break;
    await pause(EVERY_MS);
  }
  return statuses;
}

const pause = (ms: number): Promise<void> =>
  new Promise((resolve) => setTimeout(resolve, ms));

function get(url: string, agent: https.Agent): Promise<Status> {
  return new Promise((resolve, reject) => {
    const request = https.get(url, { agent }, (reply) => {
      let text = '';
      reply.on('data', (piece: Buffer) => (text += piece.toString()));
      reply.on('end', () => resolve(JSON.parse(text) as Status));
    });
    request.on('error', reject);
  });
}

/** Of a process so far, in its own code and in the kernel. */
function cpuMs(pid = 0): number {
  const fields = fs
    .readFileSync(`/proc/${pid}/stat`, 'utf8')
    .replace(/^.*\) /, '')
    .split(' ');
  return (Number(fields[11]) + Number(fields[12])) * 10;
}

/** Always the same answer, with the host's certificate: [certificate, key, answer]. */
const BARE = `const fs = require('node:fs');
const [cert, key, answer] = process.argv.slice(1);
require('node:https')
  .createServer({ cert: fs.readFileSync(cert), key: fs.readFileSync(key) }, (_, reply) =>
    reply.setHeader('content-type', 'application/json').end(answer))
  .listen(0, '127.0.0.1', function () { console.log('port ' + this.address().port); });`;

/** What as many answers as `serve` gave cost a server that does nothing else, in milliseconds of CPU. */
async function costOfBare(
  t: Test,
  host: Host,
  agents: https.Agent[],
  seen: Status[][],
): Promise<number> {
  const pair = ['cert.pem', 'key.pem'].map((name) =>
    host.path(`/data/updates/serve/${name}`),
  );
  const answer = JSON.stringify(seen[0]?.at(-1));
  const bare = start(process.execPath, ['-e', BARE, ...pair, answer]);
  t.teardown(async () => {
    bare.child.kill('SIGKILL');
    await bare.ended;
  });
  await bare.printed(/^port \d+\n/m);
  const [, port] = /^port (\d+)/m.exec(bare.stdout()) ?? [];
  const ask = (agent: https.Agent): Promise<Status> =>
    get(`https://localhost:${port}/`, agent);
  await Promise.all(agents.map(ask));
  const before = cpuMs(bare.child.pid);
  await Promise.all(
    agents.map(async (agent, at) => {
      await pause((at * BARE_EVERY_MS) / CLIENTS);
      const answers = seen[at]?.length ?? 0;
      for (let asked = 0; asked < answers; asked += 1) {
        await ask(agent);
        await pause(BARE_EVERY_MS);
      }
    }),
  );
  return cpuMs(bare.child.pid) - before;
}
