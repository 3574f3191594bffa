import { execFileSync } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import t, { type Test } from 'tap';
import { sha256 as digest } from '../support/forge.ts';
import { needs } from '../support/needs.ts';
import { startNginx } from '../support/nginx.ts';
import {
  type Host,
  makeHost,
  makeWorkspace,
  type Workspace,
} from '../support/sandbox.ts';
import { ROOT } from '../support/setup.mjs';

/** The binary of an esbuild package for this machine: real software, whose versions are its own. */
function esbuild(packageName: string): string {
  const binary = `@esbuild/${process.platform}-${process.arch}/bin/esbuild`;
  const nested = path.join(ROOT, 'node_modules', packageName, 'node_modules', binary);
  return fs.existsSync(nested) ? nested : path.join(ROOT, 'node_modules', binary);
}

const webFolder = (packageName: string): string =>
  path.join(ROOT, 'node_modules', packageName);

const POINTER = 'channels/quantix-os/stable.json';

t.test(
  'real software goes from a workspace over nginx to a host',
  needs('nginx', 'minisign'),
  async (t) => {
    const dir = t.testdir({});
    const workspace = await makeWorkspace(`${dir}/workspace`);
    await publish(
      workspace,
      '1.0.0',
      '--channel',
      'stable',
      ...real('esbuild-old', 'swagger-ui-old'),
    );
    const nginx = await startNginx(t, workspace.public);
    const root = path.join(workspace.public, 'root/1.json');
    const host = makeHost(`${dir}/host`, { url: nginx.url, root });
    host.configure({ auto_apply: true });

    await t.test('the first release is installed and runs', async (t) => {
      await runs(t, host, 'run');
      t.equal(versionOf(host), '0.28.1');
      t.same(
        pages(host),
        folder(webFolder('swagger-ui-old')),
        'the web folder is there, file by file',
      );
    });

    await t.test(
      'a run with nothing to do asks once, gets 304 and says nothing',
      async (t) => {
        nginx.clearLog();
        const { stdout, stderr } = await runs(t, host, 'run');
        t.equal(stdout + stderr, '');
        const requests = await nginx.requestsWhen((all) => all.length > 0);
        t.same(
          requests.map(({ path, status }) => ({ path, status })),
          [{ path: `/${POINTER}`, status: 304 }],
        );
      },
    );

    await t.test('of the second release only what changed is downloaded', async (t) => {
      await publish(
        workspace,
        '1.1.0',
        '--channel',
        'stable',
        '--carry',
        '--component',
        `qx-node=${esbuild('esbuild')}`,
      );
      nginx.clearLog();
      await runs(t, host, 'run');
      t.equal(versionOf(host), '0.28.2');
      const requests = await nginx.requestsWhen((all) =>
        all.some(({ path }) => path.startsWith('/objects/')),
      );
      t.equal(
        requests.filter(({ path }) => path.startsWith('/objects/')).length,
        1,
        'one object was fetched',
      );
      await runs(t, host, 'verify');
    });

    await t.test('the served tree verifies', async (t) => {
      const { status, stdout, stderr } = await workspace.run(['verify', nginx.url]);
      t.equal(status, 0, stdout + stderr);
    });

    await t.test('every published signature verifies with stock minisign', async (t) => {
      const signed = [
        ...list(workspace, 'manifests'),
        ...list(workspace, 'root'),
        POINTER,
      ];
      for (const file of signed) {
        const bytes = fs.readFileSync(path.join(workspace.public, file));
        const role = file.startsWith('manifests')
          ? 'release'
          : file.startsWith('root')
            ? 'root'
            : 'channel';
        const signature = path.join(
          workspace.public,
          'signatures',
          `${digest(bytes)}.minisig`,
        );
        minisign(
          workspace,
          '-V',
          '-H',
          '-q',
          '-p',
          `keys/${role}.pub`,
          '-x',
          signature,
          '-m',
          path.join(workspace.public, file),
        );
        t.pass(`${file} by the ${role} key`);
      }
    });

    await t.test(
      'a pointer written in an editor and signed with stock minisign moves the host',
      async (t) => {
        await publish(
          workspace,
          '1.2.0',
          '--carry',
          '--component',
          `qx-node=${esbuild('esbuild-old')}`,
        );
        const edited = { product: 'quantix-os', channel: 'stable', version: '1.2.0' };
        fs.writeFileSync(path.join(workspace.public, POINTER), JSON.stringify(edited));
        await workspace.ok(['sign', '--fill-only']);
        minisign(workspace, '-S', '-s', 'keys/channel.key', '-m', `public/${POINTER}`);
        await runs(t, host, 'run');
        t.equal(versionOf(host), '0.28.1');
      },
    );

    await t.test('the same edit signed by qx-repo does too', async (t) => {
      const edited = {
        product: 'quantix-os',
        channel: 'stable',
        version: '1.1.0',
        rollback: true,
      };
      fs.writeFileSync(path.join(workspace.public, POINTER), JSON.stringify(edited));
      await workspace.ok(['sign']);
      await runs(t, host, 'run');
      t.equal(versionOf(host), '0.28.2');
    });
  },
);

function real(binary: string, folderPackage: string): string[] {
  return [
    '--component',
    `qx-node=${esbuild(binary)}`,
    '--component',
    `host-ui=${webFolder(folderPackage)}`,
  ];
}

async function publish(
  workspace: Workspace,
  version: string,
  ...more: string[]
): Promise<void> {
  await workspace.ok([
    'generate',
    '--product',
    'quantix-os',
    '--version',
    version,
    '--fast',
    ...more,
  ]);
}

async function runs(t: Test, host: Host, command: string) {
  const finished = await host.run([command]);
  t.equal(finished.status, 0, finished.stderr);
  return finished;
}

function versionOf(host: Host): string {
  return execFileSync(host.path('/data/bin/qx-node'), ['--version'], {
    encoding: 'utf8',
  }).trim();
}

/** Relative names of all files, with their bytes' digests. */
function folder(dir: string): Record<string, string> {
  const entries = fs.readdirSync(dir, { recursive: true, withFileTypes: true });
  const files = entries.filter((entry) => entry.isFile());
  return Object.fromEntries(
    files
      .map((entry) => path.join(entry.parentPath, entry.name))
      .map((file) => [path.relative(dir, file), digest(fs.readFileSync(file))] as const)
      .sort(([a], [b]) => (a < b ? -1 : 1)),
  );
}

function pages(host: Host): Record<string, string> {
  return folder(fs.realpathSync(host.path('/data/share/quantix-host-ui')));
}

function list(workspace: Workspace, dir: string): string[] {
  return fs.readdirSync(path.join(workspace.public, dir)).map((file) => `${dir}/${file}`);
}

function minisign(workspace: Workspace, ...args: string[]): void {
  execFileSync('minisign', args, { cwd: workspace.dir, stdio: 'pipe' });
}
