import fs from 'node:fs';
import path from 'node:path';
import t, { type Test } from 'tap';
import { type Finished, qxUpdate } from '../../support/process.ts';

const NODE = `node:
  labels: {}
updates:
  enabled: true
  server_url: "http://127.0.0.1:9"  # the server
  channel: "stable"
  staging_dir: "/data/updates/staging"
`;

function makeHost(t: Test, text = NODE) {
  const dir = t.testdir({ etc: { limiquantix: { 'node.yaml': text } } });
  const file = path.join(dir, 'quantix/update.toml');
  const run = (...args: string[]): Promise<Finished> =>
    qxUpdate(['--root', dir, 'config', ...args]);
  return { dir, file, run };
}

t.test('node.yaml becomes an update.toml that a run takes', async (t) => {
  const { file, run } = makeHost(t);
  const dry = await run('import', '/etc/limiquantix/node.yaml', '--dry-run');
  t.equal(dry.status, 0, dry.stderr);
  t.match(dry.stdout, 'url = "http://127.0.0.1:9"');
  t.notOk(fs.existsSync(file));
  const { status, stdout, stderr } = await run('import');
  t.equal(status, 0, stderr);
  t.match(stdout, `${file}: written`);
  t.match(stderr, 'not carried over: staging_dir = /data/updates/staging');
  t.equal(fs.readFileSync(file, 'utf8'), dry.stdout);
  t.equal((await run('check')).status, 0);
  t.match((await run('show', '--origin')).stdout, /channel +"stable" +file/);
});

t.test('a configuration that is there is overwritten by --force alone', async (t) => {
  const { file, run } = makeHost(t);
  fs.mkdirSync(path.dirname(file));
  fs.writeFileSync(file, '# mine\n');
  t.match(await run('import'), { status: 78, stderr: '--force' });
  t.equal(fs.readFileSync(file, 'utf8'), '# mine\n');
  t.equal((await run('import', '--dry-run')).status, 0, 'to look is no harm');
  t.equal((await run('import', '--force')).status, 0);
  t.match(fs.readFileSync(file, 'utf8'), 'channel = "stable"');
});

t.test('flags say what the older file does not know', async (t) => {
  const { dir, run } = makeHost(t, 'updates:\n  enabled: true\n');
  const to = path.join(dir, 'to/update.toml');
  const args = [
    '--product',
    'quantix-vdc',
    '--url',
    'https://b',
    '--config',
    to,
    '--json',
  ];
  const { status, stdout } = await run('import', ...args);
  t.equal(status, 0);
  t.match(JSON.parse(stdout), {
    file: to,
    written: true,
    settings: { url: 'https://b', product: 'quantix-vdc', channel: 'dev' },
    notCarried: [],
    changed: [],
  });
  t.match(fs.readFileSync(to, 'utf8'), 'product = "quantix-vdc"');
});

t.test('a broken file ends with 78 and its line, and nothing is written', async (t) => {
  const { file, run, dir } = makeHost(t, 'updates:\n\tenabled: true\n');
  t.match(await run('import'), { status: 78, stderr: 'node.yaml:2' });
  t.notOk(fs.existsSync(file));
  t.match(await run('import', '/none.yaml'), { status: 78, stderr: 'no such file' });
  fs.writeFileSync(path.join(dir, 'large.yaml'), '#'.repeat(300_000));
  t.equal((await run('import', '/large.yaml')).status, 78);
  t.equal(
    (await run('import', '/etc/limiquantix/node.yaml', '--product', 'No Name')).status,
    78,
  );
});
