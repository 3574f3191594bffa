import path from 'node:path';
import t from 'tap';
import { again, disturbEverywhere } from '../support/disturb.ts';
import { makeHooks } from '../support/hooks.ts';
import { publish, readIfThere, world } from '../support/three-components.ts';

/**
 * An update with hooks, cut off before its effects: whatever a hook prepared is either followed by what it was prepared
 * for, or taken back before the next attempt begins.
 */

t.setTimeout(300_000);

const note = (word: string): string =>
  `[ "$QX_TO" != 2.0.0 ] || echo "${word} $QX_RUN" >> "$QX_ROOT/notes"`;

function faultsInNotes(dir: string): string[] {
  let open: string | null = null;
  let done: string | null = null;
  const faults: string[] = [];
  const lines = readIfThere(path.join(dir, 'notes')).trimEnd().split('\n');
  for (const line of lines) {
    const [word, run = ''] = line.split(' ');
    if (word === 'begin' && open !== null)
      faults.push(`begun twice: ${lines.join(', ')}`);
    if (word !== 'begin' && open !== null && open !== run)
      faults.push(`another run's: ${lines.join(', ')}`);
    if (word === 'begin') open = run;
    if (word === 'done') done = run;
    if (word === 'undo') open = null;
  }
  if (open === null || open !== done) faults.push(`not done: ${lines.join(', ')}`);
  return faults;
}

t.test('what hooks begin is finished or taken back', async (t) => {
  const { dir, forge, host } = world(t);
  publish(forge, '1.0.0', 1);
  let seed = 0;
  const { seen } = await disturbEverywhere(
    t,
    dir,
    {
      prepare: async (at) => {
        const hooks = makeHooks(host(at));
        hooks.put('pre-install', '10', note('begin'));
        hooks.put('drain', '10');
        hooks.put('post-install', '10', note('done'));
        hooks.put('on-failure', '10', note('undo'));
        const first = await again(at);
        t.equal(first.status, 0, first.said);
        publish(forge, '2.0.0', 2);
      },
      before: ['1.0.0', '1.0.0', '1.0.0'],
      version: '2.0.0',
      from: /hooks\.json/,
      after: faultsInNotes,
    },
    { fails: () => ((seed += 1) % 2 === 0 ? 'cut' : undefined) },
  );
  t.ok(seen.some((effect) => effect.startsWith('processes.run')));
});
