import fs from 'node:fs';
import path from 'node:path';
import t from 'tap';
import { serveFolder } from '../generator/trees.ts';
import { needs } from '../support/needs.ts';
import { type Finished, programPath, run } from '../support/process.ts';
import { ROOT } from '../support/setup.mjs';
import { makeWorkspace } from '../support/sandbox.ts';
import { snapshot } from '../support/snapshot.ts';

const SCRIPT = path.join(ROOT, 'repo-template/scripts/publish-rsync.sh');
const POINTER = 'channels/quantix-os/stable.json';

/** What a CI job is given: the configuration from version control and the keys from its secrets. */
interface Job {
  dir: string;
  sh(command: string): Promise<Finished>;
}

function makeJob(dir: string, origin: string, url: string, served: string): Job {
  fs.mkdirSync(path.join(dir, 'bin'), { recursive: true });
  fs.symlinkSync(programPath('qx-repo'), path.join(dir, 'bin/qx-repo'));
  fs.copyFileSync(
    path.join(origin, 'quantix-repo.toml'),
    path.join(dir, 'quantix-repo.toml'),
  );
  fs.cpSync(path.join(origin, 'keys'), path.join(dir, 'keys'), { recursive: true });
  const env = {
    PATH: `${dir}/bin:${process.env.PATH ?? ''}`,
    URL: url,
    PUBLISH: `sh ${SCRIPT} --preflight ${url} ${served}`,
  };
  const sh: Job['sh'] = (command) => run('sh', ['-euc', command], { cwd: dir, env });
  return { dir, sh };
}

const GENERATE =
  'qx-repo generate --product quantix-os --bump --channel stable --fast --component qx-node=program';

t.test(
  'of two jobs that started from the same tree, the second publishes nothing',
  needs('rsync'),
  async (t) => {
    const dir = t.testdir({ served: {} });
    const served = path.join(dir, 'served');
    const origin = await makeWorkspace(path.join(dir, 'origin'));
    fs.writeFileSync(path.join(origin.dir, 'program'), '#!/bin/sh\necho 1\n', {
      mode: 0o755,
    });
    await origin.ok(GENERATE.replace('--bump', '--version 1.0.0').split(' ').slice(1));
    const url = await serveFolder(t, served);
    const first = makeJob(path.join(dir, 'first'), origin.dir, url, served);
    const second = makeJob(path.join(dir, 'second'), origin.dir, url, served);
    const ok = async (job: Job, command: string): Promise<void> => {
      const { status, stdout, stderr } = await job.sh(command);
      if (status !== 0) throw new Error(`${command}\n${stdout}${stderr}`);
    };
    const version = (): unknown =>
      (JSON.parse(fs.readFileSync(path.join(served, POINTER), 'utf8')) as Pointed)
        .version;
    await ok({ ...first, dir: origin.dir }, `cd ${origin.dir}; $PUBLISH`);
    t.equal(version(), '1.0.0', 'an empty host is no obstacle');

    for (const job of [first, second]) {
      const name = path.basename(job.dir);
      await ok(job, `echo '#!/bin/sh\necho ${name}' > program; chmod +x program`);
      await ok(job, `qx-repo pull $URL; ${GENERATE}; qx-repo verify`);
    }
    await ok(first, '$PUBLISH');
    t.equal(version(), '1.0.1');
    const after = snapshot(path.join(served, 'channels'));

    await t.test('33, with the command that helps', async (t) => {
      const { status, stderr } = await second.sh('$PUBLISH');
      t.equal(status, 33);
      t.match(stderr, /another publisher[^]*serial 2[^]*qx-repo pull URL --theirs/);
      t.same(snapshot(path.join(served, 'channels')), after, 'no pointer moved');
      t.equal((await second.sh(`qx-repo verify ${url}`)).status, 0);
    });

    await t.test('and again from what is served, it goes through', async (t) => {
      await ok(
        second,
        `qx-repo pull $URL --theirs; ${GENERATE}; qx-repo verify; $PUBLISH`,
      );
      t.equal(version(), '1.0.2');
      t.equal((await second.sh(`qx-repo verify ${url}`)).status, 0);
      const { status } = await first.sh('qx-repo preflight $URL');
      t.equal(status, 33, 'now the first one is behind');
      await ok(first, 'qx-repo pull $URL; qx-repo preflight $URL');
    });
  },
);

interface Pointed {
  version: string;
}
