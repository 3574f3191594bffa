import fs from 'node:fs';
import path from 'node:path';
import t from 'tap';
import type { Files } from '../../client/effects/effects.ts';
import { someError } from '../support/disturb.ts';
import { GOOD, SCENARIOS, table } from '../support/service-table.ts';

t.setTimeout(600_000);

for (const [name, scenario] of Object.entries(SCENARIOS)) {
  for (const fails of [undefined, someError]) {
    const how = fails === undefined ? 'cut off before each' : 'with an error at each';
    t.test(`${name}, ${how} effect`, async (t) => {
      const { effects, violations } = await table(t, scenario, fails);
      t.comment(`${effects} effects, ${violations.length} violations.`);
      t.ok(effects > 20);
      t.same(violations, []);
    });
  }
}

/** Switches each file as soon as its content is there. */
const hasty = (files: Files): Files => ({
  ...files,
  rename: async (from, to) => {
    await files.rename(from, to);
    const content = /^(.*)\/store\/(\w+\/file-0755)$/.exec(to);
    if (content === null) return;
    const name = /echo (\S+)/.exec(fs.readFileSync(to, 'utf8'))?.[1] ?? '';
    const link = `${content[1]}/current/${name}`;
    if (!fs.existsSync(path.dirname(link))) return;
    fs.rmSync(link, { force: true });
    fs.symlinkSync(`../../store/${content[2]}`, link);
  },
});

const withoutJournal = (files: Files): Files => ({
  ...files,
  rename: (from, to) =>
    to.endsWith('/journal.json') ? files.remove(from) : files.rename(from, to),
});

const SABOTEURS: [string, (files: Files) => Files, RegExp][] = [
  ['switches before everything is there', hasty, /stands 2\.0\.0,1\.1\.0/],
  ['writes no journal', withoutJournal, /services run/],
];

for (const [what, change, says] of SABOTEURS) {
  t.test(`the table finds a client that ${what}`, async (t) => {
    const { violations } = await table(t, { ...GOOD, change });
    t.comment(`${violations.length} violations.`);
    t.match(violations.join('\n'), says);
    t.match(violations.join('\n'), /^cut at effect/m);
  });
}
