import fs from 'node:fs';
import path from 'node:path';
import t from 'tap';
import { parse } from 'yaml';
import { parsePointer, type Pointer } from '../../client/format/pointer.ts';
import { serveFolder } from '../generator/trees.ts';
import { type Finished, programPath, run } from '../support/process.ts';
import { type Workspace, makeWorkspace } from '../support/sandbox.ts';
import { ROOT } from '../support/setup.mjs';
import { snapshot } from '../support/snapshot.ts';
import type { Test } from 'tap';

const TEMPLATE = path.join(ROOT, 'repo-template');
const POINTER = 'channels/quantix-os/beta.json';
const DAY_MS = 86_400_000;

const read = (name: string): string => fs.readFileSync(path.join(TEMPLATE, name), 'utf8');

interface Step {
  name?: string;
  run?: string;
  uses?: string;
  env?: Record<string, string>;
}

interface Workflow {
  on: { schedule: { cron: string }[] };
  concurrency: { group: string; 'cancel-in-progress': boolean };
  permissions: Record<string, string>;
  env: Record<string, string>;
  jobs: Record<string, { if: string; steps: Step[]; env?: Record<string, string> }>;
}

interface GitLabJob {
  script?: string[];
  before_script?: string[];
  resource_group?: string;
  extends?: string;
}

const github = parse(read('ci/github-actions.yml')) as Workflow;
const gitlab = parse(read('ci/gitlab-ci.yml')) as Record<string, GitLabJob>;

/** A runner: a checkout without keys and without a tree, stand-ins for what it downloads and builds. */
interface Runner {
  served: string;
  workspace: Workspace;
  dir: string;
  sh(script: string, env?: Record<string, string>): Promise<Finished>;
  pointer(): Pointer;
}

/** `age` in days: how long ago the served pointer was signed. */
async function makeRunner(t: Test, age: number): Promise<Runner> {
  const dir = t.testdir({ served: {}, checkout: {}, bin: {}, home: {} });
  const [served, checkout, bin] = ['served', 'checkout', 'bin'].map((name) =>
    path.join(dir, name),
  ) as [string, string, string];
  const workspace = await makeWorkspace(path.join(dir, 'origin'));
  const issued = `${new Date(Date.now() - age * DAY_MS).toISOString().slice(0, 19)}Z`;
  const program = path.join(workspace.dir, 'program');
  fs.writeFileSync(program, '#!/bin/sh\necho 1\n', { mode: 0o755 });
  const release = ['--product', 'quantix-os', '--version', '1.0.0', '--fast'];
  const files = ['--component', 'qx-node=program'];
  await workspace.ok(['generate', ...release, ...files]);
  await workspace.ok(['point', 'quantix-os', 'beta', '1.0.0', '--issued', issued]);
  fs.cpSync(workspace.public, served, { recursive: true });

  for (const name of ['quantix-repo.toml', 'scripts'])
    fs.cpSync(path.join(workspace.dir, name), path.join(checkout, name), {
      recursive: true,
    });
  fs.symlinkSync(programPath('qx-repo'), path.join(bin, 'qx-repo'));
  const make =
    '#!/bin/sh\nmkdir -p src/build; echo "echo 2" > src/build/qx-node; chmod +x src/build/qx-node\n';
  fs.writeFileSync(path.join(bin, 'make'), make, { mode: 0o755 });
  fs.writeFileSync(path.join(bin, 'npm'), '#!/bin/sh\n', { mode: 0o755 });
  const keys = ['release.key', 'channel.key'].map((name) =>
    fs.readFileSync(path.join(workspace.dir, 'keys', name), 'utf8'),
  );
  const given = {
    PATH: `${bin}:${process.env.PATH ?? ''}`,
    HOME: path.join(dir, 'home'),
    QX_URL: await serveFolder(t, served),
    QX_DESTINATION: served,
    QX_PUBLISH: 'copy',
    QX_PACKAGE: 'quantix-ota',
    QX_REPO_SECRET_KEY: keys.join(''),
    SSH_KEY: 'key',
    SSH_KNOWN_HOSTS: 'host',
  };
  return {
    served,
    workspace,
    dir: checkout,
    sh: (script, env = {}) =>
      run('sh', ['-e', '-c', script], { cwd: checkout, env: { ...given, ...env } }),
    pointer: () => parsePointer(fs.readFileSync(path.join(served, POINTER))),
  };
}

async function allOk(
  t: Test,
  runner: Runner,
  steps: string[],
  env: Record<string, string>,
): Promise<void> {
  for (const step of steps) {
    const { status, stdout, stderr } = await runner.sh(step, env);
    t.equal(status, 0, `${step}\n${stdout}${stderr}`);
  }
}

const stepsOf = (job: string): string[] =>
  (github.jobs[job]?.steps ?? []).flatMap((step) => step.run ?? []);

const linesOf = (job: string): string[] => {
  const { script = [], before_script: before } = gitlab[job] ?? {};
  return [
    [...(before ?? gitlab['.publishing']?.before_script ?? []), ...script].join('\n'),
  ];
};

t.test(
  'a tag is built, published and verified by the steps of the templates',
  async (t) => {
    const ways: [string, string[], Record<string, string>][] = [
      ['GitHub', stepsOf('publish'), { GITHUB_REF: 'refs/tags/v1.2.0' }],
      ['GitLab', [...gitlabBuild(), ...linesOf('publish')], { CI_COMMIT_TAG: 'v1.2.0' }],
    ];
    for (const [name, steps, env] of ways) {
      await t.test(name, async (t) => {
        const runner = await makeRunner(t, 1);
        const job = { QX_PRODUCT: 'quantix-os', QX_CHANNEL: 'beta', ...env };
        await allOk(t, runner, steps, job);
        t.match(runner.pointer(), { version: '1.2.0', serial: 2 });
        const { status, stdout } = await runner.workspace.run(['verify', runner.served]);
        t.equal(status, 0, stdout);
        t.notOk(fs.existsSync(path.join(runner.dir, 'keys')), 'no key lay on the disk');
      });
    }
  },
);

function gitlabBuild(): string[] {
  return gitlab.build?.script ?? [];
}

t.test('the schedule signs anew what is a third through its life', async (t) => {
  const ways: [string, string[]][] = [
    ['GitHub', stepsOf('resign')],
    ['GitLab', linesOf('resign')],
  ];
  for (const [name, steps] of ways) {
    await t.test(name, async (t) => {
      const runner = await makeRunner(t, 40);
      const before = runner.pointer();
      await allOk(t, runner, steps, {});
      const after = runner.pointer();
      t.match(after, { version: before.version, serial: 2 });
      t.ok(Date.parse(after.expires) - Date.parse(before.expires) > 30 * DAY_MS);
      const served = snapshot(runner.served);
      fs.rmSync(path.join(runner.dir, 'public'), { recursive: true });
      fs.rmSync(path.join(runner.dir, 'serials.json'));
      await allOk(t, runner, steps, {});
      t.same(snapshot(runner.served), served, 'a day later there is nothing to do');
    });
  }
});

t.test('cron runs the same, and is silent when all is well', async (t) => {
  const runner = await makeRunner(t, 40);
  const line = /^17 3 \* \* \* \S+ (.*)$/m.exec(read('hosting/quantix-resign.cron'))?.[1];
  const variables = path.join(path.dirname(runner.dir), 'resign.env');
  fs.writeFileSync(variables, 'QX_PUBLISH=copy\n');
  const command = (line ?? '')
    .replaceAll('\\%', '%')
    .replace('/srv/quantix/workspace', runner.dir)
    .replace('/etc/quantix-resign.env', variables);
  t.match(await runner.sh(command), { status: 0, stdout: '', stderr: '' });
  t.equal(runner.pointer().serial, 2);
  const failed = await runner.sh(command, {
    QX_REPO_SECRET_KEY: '',
    QX_URL: 'file:///no',
  });
  t.equal(failed.status, 2);
  t.match(failed.stdout, 'no such folder');
});

t.test('publishing is one queue, and secrets come from the environment', (t) => {
  t.match(github.concurrency, { group: /\S/, 'cancel-in-progress': false });
  t.same(github.permissions, { contents: 'read' });
  t.equal(github.on.schedule.length, 1);
  t.equal(gitlab['.publishing']?.resource_group, 'publish-updates');
  for (const job of ['publish', 'resign']) t.equal(gitlab[job]?.extends, '.publishing');
  const steps = Object.values(github.jobs).flatMap((job) => job.steps);
  for (const { run: script = '', env = {}, name } of steps) {
    t.notMatch(script, /\$\{\{/, `${name}: nothing of a caller becomes part of a script`);
    for (const [key, value] of Object.entries(env))
      if (/KEY|PASSWORD/.test(key)) t.match(value, /^\$\{\{ secrets\.\w+ \}\}$/, key);
  }
  const uses = steps.flatMap((step) => step.uses ?? []);
  for (const action of uses) t.match(action, /^actions\/[a-z-]+@v\d+$/);
  t.end();
});

t.test('the container names what the template has', (t) => {
  const compose = parse(read('hosting/docker-compose.yml')) as Compose;
  const { volumes } = compose.services.updates;
  const [tree, configuration] = volumes.map((volume) => volume.split(':'));
  t.same(tree, ['../public', /root (\S+);/.exec(read('hosting/nginx.conf'))?.[1], 'ro']);
  t.ok(fs.existsSync(path.join(TEMPLATE, 'hosting', configuration?.[0] ?? '')));
  t.end();
});

interface Compose {
  services: { updates: { volumes: string[] } };
}
