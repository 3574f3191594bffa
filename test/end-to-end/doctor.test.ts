import fs from 'node:fs';
import path from 'node:path';
import t, { type Test } from 'tap';
import type { Finding } from '../../client/doctor/finding.ts';
import { needs } from '../support/needs.ts';
import { startNginx } from '../support/nginx.ts';
import { type Host, makeHost, makeWorkspace, publishNode } from '../support/sandbox.ts';
import { serve } from '../support/web.ts';

interface Told {
  status: number | null;
  text: string;
  findings: Finding[];
}

async function ask(host: Host, ...more: string[]): Promise<Told> {
  const { status, stdout } = await host.run(['doctor', '--json', ...more]);
  const { findings } = JSON.parse(stdout) as { findings: Finding[] };
  const { stdout: text } = await host.run(['doctor', ...more]);
  return { status, text, findings };
}

const bad = ({ findings }: Told): string[] =>
  findings
    .filter(({ level }) => level !== 'ok')
    .map(({ level, part, message }) => `${level} ${part}: ${message}`);

async function publish(t: Test): Promise<{ tree: string; root: string; dir: string }> {
  const dir = t.testdir();
  const workspace = await makeWorkspace(path.join(dir, 'updates'));
  await publishNode(workspace, '1.0.0');
  const tree = workspace.public;
  return { tree, root: path.join(tree, 'root/1.json'), dir };
}

t.test(
  'a host on which all is well, and what stands in its way',
  needs('nginx'),
  async (t) => {
    const { tree, root, dir } = await publish(t);
    const nginx = await startNginx(t, tree);
    const host = makeHost(path.join(dir, 'host'), { url: nginx.url, root });

    const fresh = await ask(host);
    t.equal(fresh.status, 0, 'a warning is no failure');
    t.match(bad(fresh), [/^warn cron: "qx-update run" has never asked here/]);

    host.configure({ auto_apply: true });
    await host.run(['run', '--now']);
    const well = await ask(host);
    t.equal(well.status, 0);
    t.same(bad(well), []);
    t.match(well.text, /goes on with a download that broke off/);
    t.match(well.text, /pinned: [0-9A-F]{4} [0-9A-F]{4} /);
    t.match(well.text, /\nall is well\n$/);

    await host.run(['hold', '--reason', 'guests are being moved']);
    t.match(bad(await ask(host)), [/^warn hold: .*guests are being moved/]);
    await host.run(['unhold']);

    host.configure({ url: 'http://127.0.0.1:1' });
    const unreachable = await ask(host);
    t.equal(unreachable.status, 10);
    t.match(bad(unreachable), [/^fail http:\/\/127\.0\.0\.1:1/]);
    t.equal((await ask(host, '--offline')).status, 0, 'not asked, not missed');

    host.configure({ serve: { legacy_apply: true } });
    t.match(bad(await ask(host)), [
      /^warn serve: an update may be started without the token/,
    ]);

    host.configure({});
    fs.writeFileSync(path.join(tree, 'channels/quantix-os/stable.json'), '{}');
    await host.run(['check']);
    const refused = await ask(host);
    t.equal(refused.status, 20);
    t.match(bad(refused), [/^fail state: refused at /]);

    fs.rmSync(host.path('/quantix/root.json'));
    t.match(bad(await ask(host)), [/^fail trust: /]);
    fs.writeFileSync(host.path('/quantix/update.toml'), 'prodct = "quantix-os"\n');
    const misspelt = await ask(host);
    t.equal(misspelt.status, 78);
    t.match(bad(misspelt), [/^fail config: .*prodct/]);
  },
);

t.test('what waits is no failure', async (t) => {
  const dir = t.testdir();
  const workspace = await makeWorkspace(path.join(dir, 'updates'));
  await publishNode(workspace, '1.0.0');
  const url = `file://${workspace.public}`;
  const root = path.join(workspace.public, 'root/1.json');
  const host = makeHost(path.join(dir, 'host'), { url, root });
  await host.run(['hold', '--reason', 'guests are being moved']);
  t.equal((await host.run(['run', '--now'])).status, 75);
  const told = await ask(host);
  t.equal(told.status, 0);
  t.match(bad(told), [/^warn state: put off at .*held/, /^warn hold: /]);
  await host.run(['unhold']);
  await host.run(['run', '--now']);
  const { stdout } = await host.run(['status']);
  t.match(stdout, /^available: 1\.0\.0; auto_apply is off here: "qx-update apply"/m);
});

t.test(
  'a static host that cannot do what one should, and whose clock is another',
  async (t) => {
    const { tree, root, dir } = await publish(t);
    const { url } = await serve(t, (request, response) => {
      const file = path.join(tree, request.url ?? '');
      response.setHeader('date', 'Tue, 01 Jan 2030 00:00:00 GMT');
      if (fs.existsSync(file)) response.end(fs.readFileSync(file));
      else response.writeHead(404).end();
    });
    const host = makeHost(path.join(dir, 'host'), { url, root });
    const told = await ask(host);
    t.equal(told.status, 0);
    t.match(bad(told), [
      /cron/,
      /neither ETag nor Last-Modified/,
      /sends everything again/,
      /^warn clock: .* says it is 2030-01-01T00:00:00Z, this host is \d+h \d+m behind/,
    ]);
  },
);

t.test(
  'what a mirror has is told as a run would take it, and nothing is kept',
  async (t) => {
    const dir = t.testdir();
    const workspace = await makeWorkspace(path.join(dir, 'updates'));
    await publishNode(workspace, '1.0.0');
    const yesterday = path.join(dir, 'yesterday');
    fs.cpSync(workspace.public, yesterday, { recursive: true });
    const url = `file://${workspace.public}`;
    const root = path.join(workspace.public, 'root/1.json');
    const host = makeHost(path.join(dir, 'host'), { url, root });
    await host.run(['run', '--now']);
    t.match((await ask(host)).text, /^ok {4}file:.*: serial 1, good until /m);

    await workspace.ok(['root', 'set-expiry', '2030-01-01']);
    const before = host.snapshot('/');
    const told = await ask(host);
    t.equal(told.status, 0);
    t.same(bad(told).length, 1);
    t.match(bad(told), [/^warn file:.*: has trust root 2; this host still goes by 1$/]);
    t.match(told.text, /→ "qx-update check" accepts it now/);
    t.notMatch(told.text, /all is well/);
    t.same(host.snapshot('/'), before);

    await publishNode(workspace, '1.1.0');
    await host.run(['check']);
    t.same(bad(await ask(host)), []);
    host.configure({ mirrors: [url, `file://${yesterday}`], url: undefined });
    const behind = await ask(host);
    t.equal(behind.status, 22);
    t.match(bad(behind), [
      /^fail file:.*yesterday.*: an older pointer than this host has seen; expected serial \d or higher; found serial 1$/,
    ]);
  },
);

t.test('a static host that shows a page for whatever it does not have', async (t) => {
  const { tree, root, dir } = await publish(t);
  const { url } = await serve(t, (request, response) => {
    const file = path.join(tree, request.url ?? '');
    response.setHeader('etag', '"1"');
    if (fs.existsSync(file)) response.end(fs.readFileSync(file));
    else response.setHeader('content-type', 'text/html').end('<html>welcome</html>');
  });
  const told = await ask(makeHost(path.join(dir, 'host'), { url, root }));
  t.equal(told.status, 10);
  t.match(bad(told)[1], /^fail http:.*: this host answers 200 for missing files/);
});

t.test('settings that nothing reads are told, and secret ones are not', async (t) => {
  const dir = t.testdir();
  const workspace = await makeWorkspace(path.join(dir, 'updates'));
  const host = makeHost(path.join(dir, 'host'), {
    url: `file://${workspace.public}`,
    root: path.join(workspace.public, 'root/1.json'),
  });
  host.configure({ notify: { ping_url: 'http://127.0.0.1:1/MARKER', syslog: false } });
  const env = { QX_UPDATE_CHANEL: 'beta' };
  const told = /QX_UPDATE_CHANEL is not read: is it QX_UPDATE_CHANNEL/;
  t.match(await host.run(['config', 'check'], { env }), { status: 0, stderr: told });
  t.match((await host.run(['doctor', '--offline'], { env })).stdout, told);
  const { stdout } = await host.run(['config', 'show', '--origin']);
  t.match(stdout, /^notify .*"ping_url":"\(not shown\)","syslog":false\} +file$/m);
  t.notMatch(stdout, /MARKER/);
});
