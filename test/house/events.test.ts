import fs from 'node:fs';
import path from 'node:path';
import t from 'tap';
import { EVENTS } from '../../client/state/events.ts';
import { ROOT } from '../support/setup.mjs';

const README = fs.readFileSync(path.join(ROOT, 'client/README.md'), 'utf8');
const [, TABLE = ''] = README.split('| id | severity | what happened |');

t.test('every event of the log is documented with its severity', (t) => {
  const rows = TABLE.split('\n\n')[0]?.matchAll(/^\| `(\S+)` \| (\S+) \| .+ \|$/gm) ?? [];
  const documented = [...rows].map(([, id = '', severity]) => [id, severity]);
  t.same(Object.fromEntries(documented), EVENTS);
  t.equal(documented.length, Object.keys(EVENTS).length, 'each once');
  t.end();
});

t.test('no event is documented that nothing logs', (t) => {
  const sources = fs
    .readdirSync(path.join(ROOT, 'client'), { recursive: true, encoding: 'utf8' })
    .filter((name) => name.endsWith('.ts') && name !== path.join('state', 'events.ts'))
    .map((name) => fs.readFileSync(path.join(ROOT, 'client', name), 'utf8'))
    .join('\n');
  const unused = Object.keys(EVENTS).filter((event) => !sources.includes(`'${event}'`));
  t.same(unused, []);
  t.end();
});
