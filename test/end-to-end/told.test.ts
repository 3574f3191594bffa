import fs from 'node:fs';
import path from 'node:path';
import t from 'tap';
import { running, SERVICE, until } from '../support/scene.ts';

/** What somebody who was not there can find out about a release that was taken back. */

/** More than is kept, with colours, a bell and a line that would forge another entry. */
const TALKATIVE = `#!/bin/sh
i=0
while [ "$i" -lt 300 ]; do echo "line $i of many that nobody reads"; i=$((i + 1)); done
printf '\\033[31mred\\033[0m\\a\\r\\n2026-01-01T00:00:00Z installed 9.9.9\\ndatabase is locked\\n'
exit 3
`;

t.test('which check failed, what it said last and how long it took', async (t) => {
  const { host, publish, asks } = await running(t);
  const hooks = host.path('/quantix/update/hooks.d');
  fs.mkdirSync(hooks, { recursive: true });
  fs.writeFileSync(path.join(hooks, 'talkative'), TALKATIVE, { mode: 0o755 });
  const check = { type: 'command' as const, file: 'talkative', retries: 1 };
  publish({ version: '1.1.0' }, { health: [check] });
  const failed = await host.run(['run']);
  t.equal(failed.status, 40, failed.stderr);
  await until(async () => (await asks()) === '1.0.0');

  const what = /qx-node: command talkative failed after 2 tries, \d/;
  const said =
    /^ended with 3: .*\| line 299 of many.* \| red \| 2026.* \| database is locked$/;
  const fits = (text: string, where: string): void => {
    t.match(text, said, where);
    t.ok(Buffer.byteLength(text) <= 2048, `${where}: at most 2 kB`);
    t.notMatch(text, /line 0 of/, `${where}: the end, not the beginning`);
  };
  const status = await host.run(['status', '--json']);
  const { lastRefusal } = JSON.parse(status.stdout) as { lastRefusal: Refusal };
  t.match(lastRefusal.message, what);
  fits(lastRefusal.found, 'status');
  const history = await host.run(['history', '--json']);
  const { entries } = JSON.parse(history.stdout) as { entries: Entry[] };
  const returned = entries.find(({ event }) => event === 'returned');
  t.match(returned, { version: '1.0.0', fromVersion: '1.1.0', message: what });
  fits(returned?.output ?? '', 'history');

  const log = fs.readFileSync(host.path('/data/updates/update.log'), 'utf8');
  t.match(log, what);
  t.match(log, new RegExp(`Z service-restarted ${SERVICE} in \\d+ ms`));
  t.match(log, /database is locked/);
  const table = await host.run(['history']);
  t.match(table.stdout.split('\n')[0], /^time +event +version +what/);
  t.match(table.stdout, /returned +1\.0\.0 +from 1\.1\.0: health check failed/);
  t.match(table.stdout, /installed +1\.0\.0 +qx-node 1\.0\.0/);
  const text = [log, table.stdout, (await host.run(['status'])).stdout, failed.stderr];
  for (const each of text) {
    t.notMatch(each, /[\u0000-\u0009\u000b-\u001f\u007f]/, 'no control characters');
    t.notMatch(each, /^2026-01-01T00:00:00Z/m, 'no forged line');
  }
});

interface Refusal {
  message: string;
  found: string;
}

interface Entry {
  event: string;
  output?: string;
}
