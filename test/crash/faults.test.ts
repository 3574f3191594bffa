import t from 'tap';
import type { Files } from '../../client/effects/effects.ts';
import { disturbEverywhere } from '../support/disturb.ts';
import { ALL_KINDS, onlyKind, someKind } from '../support/fault-kinds.ts';
import { FAULT_SCENARIOS } from '../support/fault-scenarios.ts';
import { SEED, TIMES } from '../support/repetitions.ts';
import { table, WAY_BACK } from '../support/service-table.ts';

/**
 * Every effect of every command that can fail, failing in one of its ways; in all of its ways, where things are
 * repeated. Then there stands the old set or the new one, and a fresh run ends well and leaves nothing behind.
 */

t.setTimeout(1_100_000);
t.comment(`seed ${SEED}`);

const WAYS = TIMES === 1 ? [someKind(SEED)] : ALL_KINDS.map(onlyKind);

for (const [name, make] of Object.entries(FAULT_SCENARIOS)) {
  t.test(name, async (t) => {
    for (const fails of WAYS) {
      const { dir, scenario } = make(t);
      const { seen } = await disturbEverywhere(t, dir, scenario, { fails, every: true });
      t.ok(seen.length > 20);
    }
  });
}

t.test('a way back by hand, with services', async (t) => {
  for (const fails of WAYS) {
    const { effects, violations, kinds } = await table(t, WAY_BACK, fails, true);
    t.comment(`${effects} effects, ${JSON.stringify(kinds)}.`);
    t.same(violations, []);
  }
});

/** Writes what it should write beside, and rename. */
const inPlace = (files: Files): Files => ({
  ...files,
  open: async (file, how, mode) => {
    const place = how === 'create' ? file.replace(/\.new$/, '') : file;
    if (place !== file) await files.remove(place);
    return files.open(place, how, mode);
  },
  rename: async (from, to) => {
    if ((await files.info(from)) !== null) await files.rename(from, to);
  },
});

t.test('a client that writes in place is found', async (t) => {
  const scenario = { ...WAY_BACK, change: inPlace };
  const { violations } = await table(t, scenario, onlyKind('short'), true);
  t.comment(`${violations.length} violations.`);
  t.match(violations.join('\n'), /^short at effect .*recover ends with 30/m);
});
