import fs from 'node:fs';
import path from 'node:path';
import t from 'tap';
import { again } from '../support/disturb.ts';
import { deepFaults } from '../support/kill-table.ts';
import { TIMES } from '../support/repetitions.ts';
import { publish, standing, world } from '../support/three-components.ts';

/** What a host holds does not grow with the number of releases that it has had. */

t.setTimeout(600_000);

const RELEASES = 25 * TIMES;
const KEEP = 3;

const NOTHING = { components: { names: 0, bytes: 0 }, state: { names: 0, bytes: 0 } };

/** Files, folders and links below a folder, and the bytes of the files. */
function usage(folder: string): { names: number; bytes: number } {
  const names = fs.readdirSync(folder, { recursive: true, encoding: 'utf8' });
  const sizes = names.map((name) => {
    const info = fs.lstatSync(path.join(folder, name));
    return info.isFile() ? info.size : 0;
  });
  return { names: names.length, bytes: sizes.reduce((sum, size) => sum + size, 0) };
}

t.test(`${RELEASES} releases in a row`, async (t) => {
  const { dir, forge, host } = world(t);
  const at = path.join(dir, 'host');
  host(at).configure({ keep: KEEP });
  const held = () => ({
    components: usage(path.join(at, 'data/components')),
    state: usage(path.join(at, 'data/updates')),
  });
  const version = (release: number): string => `1.0.${1000 + release}`;
  let early = NOTHING;
  for (let release = 1; release <= RELEASES; release += 1) {
    publish(forge, version(release), release);
    const { status, said } = await again(at);
    if (status !== 0) return t.fail(`${version(release)}: ${said}`);
    if (release === KEEP + 2) early = held();
  }
  const late = held();
  t.comment(`after ${KEEP + 2}: ${JSON.stringify(early)}, then ${JSON.stringify(late)}`);
  const last = version(RELEASES);
  t.same(standing(at), [last, last, last]);
  t.equal(late.components.names, early.components.names, 'as many files as at first');
  // Numbers of generations and of releases have some more digits.
  t.ok(late.components.bytes - early.components.bytes < 200, 'and as many bytes');
  t.equal(late.state.names, early.state.names, 'in the state as well');
  t.same(await deepFaults(at), [], 'all of it is sound, and nothing is left over');
  const grown = late.state.bytes - early.state.bytes;
  t.ok(
    grown / RELEASES < 1000,
    `${grown} bytes: history and log alone, which are bounded`,
  );
});
