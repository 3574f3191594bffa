import fs from 'node:fs';
import path from 'node:path';
import t from 'tap';
import { DISK_ERRORS, disturbEverywhere } from '../support/disturb.ts';
import { firstInstall } from '../support/kill-table.ts';
import { SCENARIOS, table } from '../support/service-table.ts';
import { publish, world } from '../support/three-components.ts';

/** Every effect failing with every error, where `npm test` takes one error for each effect. */

t.setTimeout(1_800_000);

for (const kind of DISK_ERRORS) {
  t.test(`the first install, with ${kind} at each effect`, async (t) => {
    const { dir, forge, host } = world(t);
    publish(forge, '1.0.0', 1);
    const work = path.join(dir, kind);
    fs.mkdirSync(work);
    const fails = (): string => kind;
    const { seen } = await disturbEverywhere(t, work, firstInstall(host), { fails });
    t.ok(seen.length > 100);
  });
  for (const [name, scenario] of Object.entries(SCENARIOS)) {
    t.test(`${name}, with ${kind} at each effect`, async (t) => {
      const { effects, violations } = await table(t, scenario, () => kind);
      t.comment(`${effects} effects, ${violations.length} violations.`);
      t.ok(effects > 20);
      t.same(violations, []);
    });
  }
}
