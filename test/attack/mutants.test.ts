import { execFile } from 'node:child_process';
import path from 'node:path';
import t from 'tap';
import { buildClientAt } from '../support/client-at.ts';
import { ROOT } from '../support/setup.mjs';
import { MUTANTS } from './mutants.ts';

/** The suite bites: a client that leaves out one check is caught by the story of that check, a whole one passes. */

const dir = t.testdir();

interface Told {
  passed: string[];
  failed: string[];
}

/** What becomes of these stories with this client. The runner's own folder stays as it is. */
async function tell(client: string, files: string[], stories: string[]): Promise<Told> {
  const env = {
    ...process.env,
    QX_ATTACK_CLIENT: client,
    QX_STORY: stories.join('\n'),
    QX_TEST_BUILT: '1',
  };
  let text = '';
  for (const file of files) text += await runFile(path.join('test/attack', file), env);
  const named = (start: RegExp): string[] =>
    [...text.matchAll(start)].map((match) => match[1] ?? '');
  return {
    passed: named(/^ *ok \d+ - (.*?)(?: # time.*)?$/gm).filter((n) =>
      stories.includes(n),
    ),
    failed: named(/^ *not ok \d+ - (.*?)(?: # time.*)?$/gm).filter((n) =>
      stories.includes(n),
    ),
  };
}

/** As tap starts a file, without tap around it. */
function runFile(file: string, env: NodeJS.ProcessEnv): Promise<string> {
  return new Promise((resolve) => {
    execFile(
      process.execPath,
      [...process.execArgv, file],
      { cwd: ROOT, env: { ...env, TAP_CHILD_ID: String(Math.random()).slice(2) } },
      (_error, stdout) => resolve(stdout),
    );
  });
}

t.test('a whole client passes the stories that catch mutants', async (t) => {
  t.setTimeout(300_000);
  const client = await buildClientAt(path.join(dir, 'whole.cjs'));
  const files = [...new Set(MUTANTS.map((mutant) => mutant.in))];
  const stories = MUTANTS.map(({ story }) => story);
  const told = await tell(client, files, stories);
  t.same(told.failed, []);
  t.same(told.passed.sort(), [...stories].sort());
});

for (const [index, mutant] of MUTANTS.entries()) {
  t.test(`without ${mutant.leavesOut}: caught`, async (t) => {
    t.setTimeout(120_000);
    const client = await buildClientAt(path.join(dir, `mutant-${index}.cjs`), mutant);
    const told = await tell(client, [mutant.in], [mutant.story]);
    t.same(told.failed, [mutant.story], 'the story fails');
  });
}
