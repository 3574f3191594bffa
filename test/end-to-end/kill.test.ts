import fs from 'node:fs';
import path from 'node:path';
import t from 'tap';
import { again, disturbEverywhere, someError } from '../support/disturb.ts';
import { firstInstall, type Scenario } from '../support/kill-table.ts';
import { needsMounts } from '../support/needs.ts';
import { mountOverlay } from '../support/overlay.ts';
import { publish, world } from '../support/three-components.ts';

/**
 * One update of three components, cut off before its first effect, before its second, and so on to the end, or
 * with its first effect failing, its second, and so on. What a program finds at the install paths is one whole
 * set, the old or the new one, and the next run brings the new one and leaves nothing unfinished.
 */

t.setTimeout(300_000);

/** The rest of a folder that was begun to be removed, and the link in its place. */
const REMOVAL = [
  'files.remove main.js',
  'files.removeDirectory static',
  'files.remove version',
  'files.removeDirectory quantix-host-ui',
  'files.rename quantix-host-ui',
];

t.test('the first install, over a file, a link and a folder', async (t) => {
  const { dir, forge, host } = world(t);
  publish(forge, '1.0.0', 1);
  const scenario = firstInstall(host);
  const { gaps } = await disturbEverywhere(t, dir, scenario);
  t.same(
    gaps,
    ['files.rename quantix-host-ui'],
    'only the link is missing, and only once',
  );
  const failing = path.join(dir, 'failing');
  fs.mkdirSync(failing);
  await disturbEverywhere(t, failing, scenario, { fails: someError });
});

t.test(
  'the first install, on an overlay whose lower layer brings them',
  needsMounts(),
  async (t) => {
    const { dir, forge, host } = world(t);
    publish(forge, '1.0.0', 1);
    const scenario: Scenario = {
      ...firstInstall(host),
      // A folder of the lower layer cannot be moved aside; it is removed where it is.
      between: { 2: ['', 'mixed'] },
    };
    const { seen, gaps } = await disturbEverywhere(t, dir, scenario, {
      lay: mountOverlay,
    });
    t.ok(seen.some((effect) => effect.includes('quantix-leaving')));
    t.same(gaps, REMOVAL, 'for as long as the folder is removed, file by file');
  },
);

t.test('the first install, where nothing stands', async (t) => {
  const { dir, forge, host } = world(t);
  publish(forge, '1.0.0', 1);
  await disturbEverywhere(t, dir, {
    prepare: (at) => void host(at),
    before: ['', '', ''],
    from: /quantix-new/,
    version: '1.0.0',
  });
});

t.test('a later update', async (t) => {
  const { dir, forge, host } = world(t);
  publish(forge, '1.0.0', 1);
  const { gaps } = await disturbEverywhere(t, dir, {
    prepare: async (at) => {
      host(at);
      const first = await again(at);
      t.equal(first.status, 0, first.said);
      publish(forge, '2.0.0', 2);
    },
    before: ['1.0.0', '1.0.0', '1.0.0'],
    version: '2.0.0',
  });
  t.same(gaps, []);
});
