// npm run quickstart: the whole way from a built file to an updated host, on this machine, in one folder.
// Everything is real: the programs as they are shipped, a web server, a binary and a web folder.
import { spawn, spawnSync } from 'node:child_process';
import fs from 'node:fs';
import net from 'node:net';
import os from 'node:os';
import path from 'node:path';
import { setUp, ROOT } from '../support/setup.mjs';

const started = Date.now();
// The host is a folder that only its user may write, whatever the umask.
process.umask(0o022);
setUp();

const QX_REPO = path.join(ROOT, 'dist/qx-repo.mjs');
const QX_UPDATE = path.join(ROOT, 'dist/qx-update.cjs');

const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'quantix-quickstart-'));
const repository = path.join(folder, 'repository');
const tree = path.join(repository, 'public');
const host = path.join(folder, 'host');
const program = path.join(host, 'data/bin/qx-node');
const services = path.join(host, 'services');

const bold = (text) => (process.stdout.isTTY ? `\u001b[1m${text}\u001b[0m` : text);
const say = (text = '') => console.log(text);
const title = (text) => say(`\n${bold(text)}`);

/** Shows a command as a person would type it, runs it, and stops everything when it ends otherwise. */
function run(name, file, args, { expect = 0, show = true } = {}) {
  if (show) say(`$ ${name} ${args.map(quoted).join(' ')}`);
  const result = spawnSync(process.execPath, [file, ...args], {
    cwd: folder,
    encoding: 'utf8',
  });
  if (show) say(indented(`${result.stderr}${result.stdout}`));
  if (result.status === expect) return result.stdout;
  throw new Error(
    `${name} ended with ${result.status}, not ${expect}:\n${result.stderr}${result.stdout}`,
  );
}

const qxRepo = (args, options) => run('qx-repo', QX_REPO, args, options);
const qxUpdate = (args, options) =>
  run('qx-update', QX_UPDATE, ['--root', host, ...args], options);

function quoted(word) {
  const short = word.startsWith(`${folder}/`) ? path.relative(folder, word) : word;
  return /^[\w@%+=:,./-]+$/.test(short) ? short : `'${short}'`;
}

function indented(text) {
  return text.trimEnd().replaceAll(`${folder}/`, '').replace(/^/gm, '    ');
}

/** The binary that npm put beside an esbuild package for this machine. */
function esbuildBinary(packageName) {
  const platform = `@esbuild/${process.platform}-${process.arch}/bin/esbuild`;
  const beside = [
    `node_modules/${packageName}/node_modules/${platform}`,
    `node_modules/${platform}`,
  ];
  const found = beside
    .map((file) => path.join(ROOT, file))
    .find((file) => fs.existsSync(file));
  if (found === undefined)
    throw new Error(`there is no esbuild for ${process.platform}-${process.arch}`);
  return found;
}

/** The preview server of qx-repo on a free port, and its address. */
function servePreview() {
  const server = spawn(process.execPath, [QX_REPO, 'serve', tree, '--port', '0'], {
    cwd: folder,
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  process.on('exit', () => server.kill());
  return new Promise((resolve, reject) => {
    let printed = '';
    const look = (bytes) => {
      printed += bytes;
      const url = /http:\/\/127\.0\.0\.1:\d+/.exec(printed)?.[0];
      if (url !== undefined) resolve({ url, stop: () => server.kill() });
    };
    server.stdout.on('data', look);
    server.stderr.on('data', look);
    server.on('exit', () => reject(new Error(`qx-repo serve ended: ${printed}`)));
  });
}

function runInstalled() {
  const { stdout } = spawnSync(program, ['--version'], { encoding: 'utf8' });
  say(`$ ${quoted(program)} --version`);
  say(indented(stdout));
  return stdout.trim();
}

const SERVICE = 'quantix-node';

/** A service manager of the sandbox and one service: the installed program serves the installed web folder. */
function defineService(port) {
  fs.mkdirSync(services, { recursive: true });
  const manager = path.join(services, 'manager.sh');
  fs.copyFileSync(path.join(ROOT, 'test/support/services/manager.sh'), manager);
  fs.chmodSync(manager, 0o755);
  const pages = path.join(host, 'data/share/quantix-host-ui');
  // esbuild serves for as long as its standard input is open.
  const command = `sleep 1000d | '${program}' --serve=127.0.0.1:${port} --servedir='${pages}'`;
  fs.writeFileSync(path.join(services, `${SERVICE}.words`), `/bin/sh\n-c\n${command}\n`);
  process.on('exit', () => callService('stop'));
}

function callService(action) {
  return spawnSync(path.join(services, 'manager.sh'), [SERVICE, action], {
    encoding: 'utf8',
  });
}

function startService() {
  const { status, stdout, stderr } = callService('start');
  say(indented(stdout));
  if (status !== 0) throw new Error(`the service does not start:\n${stderr}`);
}

/** The health check stands in quantix-repo.toml, so that every release from now on carries it. */
function declareHealth(port) {
  const file = path.join(repository, 'quantix-repo.toml');
  const check = `health = [{ type = "http", port = ${port}, path = "/", retries = 10 }]`;
  const text = fs.readFileSync(file, 'utf8');
  const changed = text.replace('restart_service = "quantix-node"', `$&\n${check}`);
  fs.writeFileSync(file, changed);
  say(`    [products.quantix-os.components.qx-node]\n    ${check}`);
}

async function freePort() {
  const server = net.createServer();
  await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address();
  await new Promise((resolve) => server.close(resolve));
  return port;
}

/** What the running service says over HTTP. */
async function askService(port, wanted) {
  const url = `http://127.0.0.1:${port}/package.json`;
  for (let tries = 0; ; tries += 1) {
    try {
      const { name, version } = await (await fetch(url)).json();
      say(`$ curl ${url}\n    ${name} ${version}`);
      if (version === wanted) return;
      throw new Error(`the service serves ${version}, not ${wanted}`);
    } catch (error) {
      if (tries === 50) throw error;
      await new Promise((resolve) => setTimeout(resolve, 100));
    }
  }
}

function lastLineOf(file, pattern) {
  const lines = fs.readFileSync(file, 'utf8').split('\n');
  return lines.filter((line) => pattern.test(line)).at(-1) ?? '';
}

function expectVersion(wanted) {
  const found = runInstalled();
  if (found !== wanted)
    throw new Error(`the installed program says ${found}, not ${wanted}`);
}

function objectsNow() {
  return fs
    .readdirSync(path.join(tree, 'objects'), { recursive: true })
    .map(String)
    .filter((file) => /[0-9a-f]{64}$/.test(file));
}

/** The objects that one release brought: the content as it is and compressed. */
function newObjects(before) {
  const added = objectsNow().filter((file) => !before.includes(file));
  return added.map((file) => path.join(tree, 'objects', file));
}

function flipOneBit(file) {
  const bytes = fs.readFileSync(file);
  bytes[Math.floor(bytes.length / 2)] ^= 1;
  fs.writeFileSync(file, bytes);
}

const generate = (version, ...more) =>
  qxRepo([
    '--workspace',
    repository,
    'generate',
    '--product',
    'quantix-os',
    '--version',
    version,
    '--channel',
    'stable',
    '--fast',
    ...more,
  ]);

say(`Everything happens in ${folder}`);

title('1. A publisher makes keys and a repository');
qxRepo(['init', repository, '--repository', 'quickstart', '--no-password']);

title('2. The first release: a real server and a real web folder, with a health check');
const port = await freePort();
declareHealth(port);
const oldFiles = [
  '--component',
  `qx-node=${esbuildBinary('esbuild-old')}`,
  '--component',
  `host-ui=${path.join(ROOT, 'node_modules/swagger-ui-old')}`,
];
generate('1.0.0', ...oldFiles);

title('3. Any web server serves the tree; here a preview');
const web = await servePreview();
say(`    ${web.url}`);

title('4. A host knows the address, the product and the trust root, and nothing else');
fs.mkdirSync(path.join(host, 'quantix'), { recursive: true });
fs.copyFileSync(path.join(tree, 'root/1.json'), path.join(host, 'quantix/root.json'));
const configuration = `url = "${web.url}"
product = "quantix-os"
channel = "stable"
auto_apply = true
service_manager = "/services/manager.sh"
`;
defineService(port);
fs.writeFileSync(path.join(host, 'quantix/update.toml'), configuration);
say(indented(configuration));
qxUpdate(['run']);
expectVersion('0.28.1');
say(`$ host/services/manager.sh ${SERVICE} start`);
startService();
await askService(port, '5.34.1');

title(
  '5. The second release: one component changed and is restarted, the other is carried over',
);
generate('1.1.0', '--carry', '--component', `qx-node=${esbuildBinary('esbuild')}`);
qxUpdate(['check']);
qxUpdate(['run']);
expectVersion('0.28.2');

title('6. Somebody changes one bit of the third release on the server');
const before = objectsNow();
generate(
  '1.2.0',
  '--carry',
  '--component',
  `host-ui=${path.join(ROOT, 'node_modules/swagger-ui-new')}`,
);
const objects = newObjects(before);
objects.forEach(flipOneBit);
qxUpdate(['run'], { expect: 21 });
qxUpdate(['current']);
expectVersion('0.28.2');
objects.forEach(flipOneBit);
say('The bit is put back; the same host goes on as if nothing had happened:');
qxUpdate(['run']);
await askService(port, '5.35.0');

title('7. A release whose program does not work takes itself back');
const broken = path.join(folder, 'broken-build');
const text = '#!/bin/sh\necho "fatal: cannot open the database" >&2\nexit 1\n';
fs.writeFileSync(broken, text, { mode: 0o755 });
generate('1.3.0', '--carry', '--component', `qx-node=${broken}`);
qxUpdate(['run'], { expect: 40 });
say(`$ tail -n 1 host/services/${SERVICE}.log`);
say(indented(lastLineOf(path.join(services, `${SERVICE}.log`), /fatal/)));
expectVersion('0.28.2');
await askService(port, '5.35.0');
say('The next run leaves it alone until the channel moves on:');
qxUpdate(['run'], { expect: 75 });

title('8. Going back by hand, and what has happened');
qxUpdate(['rollback']);
qxUpdate(['history']);

web.stop();
callService('stop');
const seconds = ((Date.now() - started) / 1000).toFixed(0);
title(`Done in ${seconds} s`);
say(`
  ${bold('What stands now')}
    ${repository}
        the workspace: quantix-repo.toml, keys/, and public/, which is all that a web server needs
    ${host}
        the host: data/bin/qx-node is a link into data/components, quantix/update.toml its settings

  ${bold('What to type next')}
    cd ${folder}
    node ${QX_REPO} verify repository/public
    node ${QX_REPO} --workspace repository diff quantix-os 1.0.0 1.2.0
    node ${QX_REPO} --workspace repository rollout quantix-os stable simulate --from 1 --hours 48
    node ${QX_REPO} --workspace repository serve --port ${new URL(web.url).port}     (the host's web server again; for what follows)
    node ${QX_UPDATE} --root host status
    node ${QX_UPDATE} --root host verify
    node ${QX_UPDATE} --root host doctor        (what is wrong: it does not want 1.3.0; and what to do)
    node ${QX_UPDATE} --root host serve --listen 127.0.0.1:0     (what its web UI asks: curl -k ADDRESS/api/v1/updates/status)

  ${bold('Where to read on')}
    README.md, then generator/README.md to publish and client/README.md to update
    rm -r ${folder}      when you are done
`);
