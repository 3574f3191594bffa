import fs from 'node:fs';
import t from 'tap';
import { nodeFiles } from '../../../client/effects/files.ts';
import {
  addHistory,
  type HistoryEntry,
  readHistory,
} from '../../../client/state/history.ts';
import { openLog } from '../../../client/state/log.ts';
import { activityWriter, readActivity } from '../../../client/state/activity.ts';
import { fastEffects } from '../../support/web.ts';

const files = nodeFiles();

function entry(changes: Partial<HistoryEntry>): HistoryEntry {
  const time = '2026-01-01T00:00:00Z';
  return { time, event: 'refused', product: 'p', channel: 'stable', ...changes };
}

t.test('entries come back in their order', async (t) => {
  const dir = `${t.testdir()}/updates`;
  t.same(await readHistory(files, dir), []);
  const first = entry({ message: 'one', exitCode: 10 });
  const second = entry({ event: 'installed', version: '1.0.0', generation: 1 });
  await addHistory(files, dir, first);
  await addHistory(files, dir, second);
  t.same(await readHistory(files, dir), [first, second]);
});

t.test('a refusal that repeats itself stands once', async (t) => {
  const dir = t.testdir();
  const messages = async () =>
    (await readHistory(files, dir)).map((each) => each.message);
  for (const message of ['a', 'a', 'b', 'a'])
    await addHistory(files, dir, entry({ message }));
  t.same(await messages(), ['a', 'b', 'a']);
  await addHistory(files, dir, entry({ message: 'a', channel: 'beta' }));
  t.equal((await messages()).length, 4, 'another channel is another refusal');
});

t.test('a generation is told of once, whatever came in between', async (t) => {
  const dir = t.testdir();
  const installed = entry({ event: 'installed', version: '1.0.0', generation: 3 });
  await addHistory(files, dir, installed);
  await addHistory(files, dir, entry({ message: 'no network' }));
  await addHistory(files, dir, installed);
  await addHistory(files, dir, { ...installed, generation: 4 });
  t.equal((await readHistory(files, dir)).length, 3);
});

t.test(
  'a trial that was given up is told of once, and each later one as well',
  async (t) => {
    const dir = t.testdir();
    const given = entry({ event: 'returned', started: '2026-01-01T00:00:00Z' });
    await addHistory(files, dir, given);
    await addHistory(files, dir, entry({ message: 'no network' }));
    await addHistory(files, dir, { ...given, time: '2026-01-02T00:00:00Z' });
    await addHistory(files, dir, { ...given, started: '2026-01-03T00:00:00Z' });
    t.equal((await readHistory(files, dir)).length, 3);
  },
);

t.test('the last 500 are kept', async (t) => {
  const dir = t.testdir();
  const lines = Array.from({ length: 500 }, (_, at) => entry({ message: String(at) }));
  fs.writeFileSync(
    `${dir}/history.ndjson`,
    lines.map((line) => `${JSON.stringify(line)}\n`).join(''),
  );
  await addHistory(files, dir, entry({ message: '500' }));
  const kept = await readHistory(files, dir);
  t.equal(kept.length, 500);
  t.equal(kept[0]?.message, '1');
  t.equal(kept.at(-1)?.message, '500');
});

t.test('lines that cannot be read are passed over', async (t) => {
  const good = JSON.stringify(entry({ message: 'good' }));
  const dir = t.testdir({ 'history.ndjson': `{"torn":\n${good}\n\n` });
  t.match(await readHistory(files, dir), [{ message: 'good' }]);
});

t.test('the log is bounded, and a log that cannot be written is no fault', async (t) => {
  const dir = t.testdir({ file: '' });
  const { effects } = fastEffects();
  const open = (logFile: string) => openLog(effects, { logFile, notify: {} });
  const log = open(`${dir}/logs/update.log`);
  await log('refused', 'first\nsecond\n');
  t.match(
    fs.readFileSync(`${dir}/logs/update.log`, 'utf8'),
    /^2026-01-01T.*Z refused first \| second\n$/,
  );
  fs.appendFileSync(`${dir}/logs/update.log`, 'x'.repeat(1024 * 1024));
  await log('not-now', 'third');
  t.match(fs.readFileSync(`${dir}/logs/update.log`, 'utf8'), /^\S+ not-now third\n$/);
  t.ok(fs.existsSync(`${dir}/logs/update.log.1`));
  await open(`${dir}/file/update.log`)('refused', 'nowhere to go');
});

t.test(
  'activity is written when the step changes, else three times a second',
  async (t) => {
    const dir = t.testdir();
    const { effects } = fastEffects();
    const writer = activityWriter(effects, dir);
    const report = (component: string, downloadedBytes: number) =>
      writer.report({
        phase: 'downloading',
        component,
        downloadedBytes,
        totalBytes: 300,
      });
    const read = async () => readActivity(effects, dir);
    await report('a', 100);
    t.match(await read(), { component: 'a', percent: 33, downloadedBytes: 100 });
    await report('a', 200);
    t.match(await read(), { percent: 33 }, 'too soon');
    await effects.clock.sleep(300);
    await report('a', 299);
    t.match(await read(), { percent: 99 });
    await report('b', 300);
    t.match(await read(), { component: 'b', percent: 100 });
    await writer.clear();
    t.equal(await read(), null);
  },
);

t.test('bytes that come twice are never more than 100 percent', async (t) => {
  const dir = t.testdir();
  const { effects } = fastEffects();
  const writer = activityWriter(effects, dir);
  const bytes = { downloadedBytes: 250, totalBytes: 100 };
  await writer.report({ phase: 'downloading', component: 'a', ...bytes });
  t.match(await readActivity(effects, dir), {
    percent: 100,
    downloadedBytes: 250,
    totalBytes: 250,
  });
});

t.test('an activity without bytes is at 0 percent, and a torn one is none', async (t) => {
  const dir = t.testdir();
  const { effects } = fastEffects();
  const writer = activityWriter(effects, dir);
  await writer.report({ phase: 'installing', downloadedBytes: 0, totalBytes: 0 });
  t.match(await readActivity(effects, dir), { percent: 0 });
  fs.writeFileSync(`${dir}/activity.json`, '{"phase":');
  t.equal(await readActivity(effects, dir), null);
});
