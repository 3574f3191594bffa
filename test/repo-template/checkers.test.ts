// What others read of the template, before their own readers: as it stands, and with slips that they must
// refuse, for a checker that lets everything pass would say nothing.
import { validateWorkflow } from '@action-validator/core';
import fs from 'node:fs';
import path from 'node:path';
import t from 'tap';
import { needs } from '../support/needs.ts';
import { type Finished, run } from '../support/process.ts';
import { ROOT } from '../support/setup.mjs';
import { unitComplaints } from '../support/systemd.ts';

const TEMPLATE = path.join(ROOT, 'repo-template');
const GITLAB_CI_LOCAL = path.join(ROOT, 'node_modules/.bin/gitlab-ci-local');
const GITLAB_CI = 'ci/gitlab-ci.yml';
const UNITS = ['quantix-resign.service', 'quantix-resign.timer'];

const read = (name: string): string => fs.readFileSync(path.join(TEMPLATE, name), 'utf8');

interface Checked {
  file: string;
  by: string;
  programs: string[];
  /** What the reader says against this text of the file; empty when nothing. */
  complaints: (text: string, dir: string) => Promise<string> | string;
  slips: [right: string, wrong: string, complaint: RegExp][];
}

const CHECKED: Checked[] = [
  {
    file: 'ci/github-actions.yml',
    by: "GitHub's schema",
    programs: [],
    complaints: (text) =>
      validateWorkflow(text)
        .errors.map((error) => JSON.stringify(error))
        .join('\n'),
    slips: [
      ['runs-on:', 'runs_on:', /runs_on|runs-on/],
      ['timeout-minutes: 60', 'timeout-minutes: soon', /timeout-minutes/],
      ["if: env.QX_PUBLISH == 'rsync'", 'when: rsync', /when/],
    ],
  },
  {
    file: GITLAB_CI,
    by: "GitLab's schema and a runner",
    programs: ['git'],
    complaints: async (text, dir) => complaintsOf(await jobs(dir, text)),
    slips: [
      ['resource_group:', 'resource-group:', /resource-group/],
      ['interruptible: false', 'interruptible: maybe', /interruptible/],
      ['expire_in: 1 week', 'expires_in: 1 week', /expires_in/],
      ['stage: publish', 'stage: publishing', /stage:publishing not found/],
      ['extends: .publishing', 'extends: .publish', /\.publish is unspecified/],
    ],
  },
  {
    file: 'hosting/docker-compose.yml',
    by: 'docker-compose',
    programs: ['docker-compose'],
    complaints: composeComplaints,
    slips: [
      ['read_only: true', 'readonly: true', /readonly/],
      ['read_only: true', 'read_only: maybe', /read_only/],
      ["'8080:80'", "'8080:http'", /port/i],
      ['healthcheck:', 'health_check:', /health_check/],
    ],
  },
  {
    file: 'hosting/quantix-resign.service',
    by: 'systemd',
    programs: ['systemd-analyze'],
    complaints: (text, dir) => resignComplaints('quantix-resign.service', text, dir),
    slips: [
      ['NoNewPrivileges=', 'NoNewPrivilege=', /Unknown key.* 'NoNewPrivilege'/],
      ['Type=oneshot', 'Type=once', /Failed to parse .*once/],
      ['TimeoutStartSec=15min', 'TimeoutStartSec=soon', /TimeoutStartSec=.*: soon/],
      ['scripts/resign.sh\n', 'scripts/sign.sh\n', /scripts\/sign\.sh is not executable/],
    ],
  },
  {
    file: 'hosting/quantix-resign.timer',
    by: 'systemd',
    programs: ['systemd-analyze'],
    complaints: (text, dir) => resignComplaints('quantix-resign.timer', text, dir),
    slips: [
      ['[Timer]', '[Timers]', /Unknown section 'Timers'/],
      ['OnCalendar=daily', 'OnCalendar=dayly', /calendar specification.*: dayly/],
      ['Persistent=', 'Persistant=', /Unknown key.* 'Persistant'/],
    ],
  },
];

for (const { file, by, programs, complaints, slips } of CHECKED) {
  t.test(`${file} is right by ${by}`, needs(...programs), async (t) => {
    const [text, dir] = [read(file), t.testdir()];
    t.equal(await complaints(text, dir), '');
    for (const [right, wrong, complaint] of slips)
      t.match(await complaints(text.replace(right, wrong), dir), complaint, wrong);
  });
}

function complaintsOf({ status, stdout, stderr }: Finished): string {
  return status === 0 ? '' : `status ${status}: ${stdout}${stderr}`;
}

/** Which jobs a pipeline would run; git must not find the checkout that the tests lie in. */
function jobs(dir: string, text: string, options: string[] = []): Promise<Finished> {
  fs.writeFileSync(path.join(dir, '.gitlab-ci.yml'), text);
  const env = {
    HOME: dir,
    GIT_CEILING_DIRECTORIES: path.dirname(dir),
    // Else it warns, where the list belongs, that GitLab gives these itself.
    GCL_IGNORE_PREDEFINED_VARS: 'CI_COMMIT_BRANCH,CI_COMMIT_TAG,CI_PIPELINE_SOURCE',
  };
  return run(GITLAB_CI_LOCAL, ['--list-csv', ...options], { cwd: dir, env });
}

async function composeComplaints(text: string, dir: string): Promise<string> {
  const file = path.join(dir, 'docker-compose.yml');
  fs.writeFileSync(file, text);
  return complaintsOf(
    await run('docker-compose', ['-f', file, 'config', '-q'], { cwd: dir }),
  );
}

/** In a root of its own, where everything lies as the units say. What systemd ignores, it only warns of. */
async function resignComplaints(
  name: string,
  text: string,
  root: string,
): Promise<string> {
  fs.cpSync(TEMPLATE, path.join(root, 'srv/quantix/workspace'), { recursive: true });
  const own = emptyFolder(root, 'etc/systemd/system');
  for (const unit of UNITS)
    fs.writeFileSync(path.join(own, unit), read(`hosting/${unit}`));
  fs.writeFileSync(path.join(own, name), text);
  return unitComplaints(root, UNITS);
}

function emptyFolder(root: string, name: string): string {
  const folder = path.join(root, name);
  fs.rmSync(folder, { recursive: true, force: true });
  fs.mkdirSync(folder, { recursive: true });
  return folder;
}

t.test('GitLab runs for each event the jobs that are meant for it', async (t) => {
  const dir = t.testdir();
  const events: [event: string, variables: string[], jobs: string[]][] = [
    ['a branch', ['CI_COMMIT_BRANCH=topic'], ['build']],
    ['the main branch', ['CI_COMMIT_BRANCH=main'], ['build', 'publish']],
    ['a version', ['CI_COMMIT_BRANCH=', 'CI_COMMIT_TAG=v1.2.0'], ['build', 'publish']],
    ['another tag', ['CI_COMMIT_BRANCH=', 'CI_COMMIT_TAG=x1.2.0'], ['build']],
    ['the schedule', ['CI_PIPELINE_SOURCE=schedule'], ['resign']],
  ];
  for (const [event, variables, expected] of events) {
    const given = variables.flatMap((variable) => ['--variable', variable]);
    const { stdout } = await jobs(dir, read(GITLAB_CI), given);
    const [, ...rows] = stdout.trim().split('\n');
    const names = rows.map((row) => row.split(';')[0]);
    t.same(names, expected, event);
  }
});
