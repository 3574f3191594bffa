import fs from 'node:fs';
import path from 'node:path';
import { pathToFileURL } from 'node:url';
import t from 'tap';
import type { Effects } from '../../../client/effects/effects.ts';
import { QxError } from '../../../client/format/error.ts';
import { openSource } from '../../../client/reader/open-source.ts';
import type { BodyReply, Source } from '../../../client/reader/source.ts';
import { fastEffects, refusalOf, sourceSettings } from '../../support/web.ts';

function open(folder: string, effects: Effects = fastEffects().effects): Source {
  return openSource(effects, pathToFileURL(folder).href, sourceSettings());
}

async function bytesOf(reply: BodyReply | null): Promise<Buffer> {
  const pieces: Uint8Array[] = [];
  for await (const piece of reply?.body ?? []) pieces.push(piece);
  return Buffer.concat(pieces);
}

t.test('a folder is read through the same interface', async (t) => {
  const folder = t.testdir({ 'my tree': { root: { '1.json': '{}' } } });
  const source = open(path.join(folder, 'my tree'));
  t.match(source.base, /^file:\/\/\/.*\/my%20tree$/);
  const reply = await source.get('root/1.json', { maxBytes: 2 });
  t.same(reply, {
    status: 'found',
    bytes: Buffer.from('{}'),
    url: `${source.base}/root/1.json`,
  });
});

t.test('what is no file is missing', async (t) => {
  const folder = t.testdir({ root: { '1.json': '{}' }, empty: {} });
  for (const [base, name] of [
    [folder, 'root/2.json'],
    [folder, 'root'],
    [folder, 'root/1.json/x'],
    [path.join(folder, 'not-mounted'), 'root/1.json'],
  ] as const) {
    const source = open(base);
    t.same(await source.get(name, { maxBytes: 9 }), { status: 'missing' }, name);
    t.equal(await source.stream(name, { from: 0 }), null, name);
  }
});

t.test('a file that is too long is malformed, and the message says which', async (t) => {
  const source = open(t.testdir({ x: 'longer' }));
  const error = await refusalOf(source.get('x', { maxBytes: 5 }));
  t.match(error, { code: 'malformed', where: /\/x$/ });
});

t.test('a body begins where it is asked to and comes in new buffers', async (t) => {
  const folder = t.testdir();
  const big = Buffer.alloc(1_000_000, 'quantix');
  fs.writeFileSync(path.join(folder, 'big'), big);
  const source = open(folder);
  const whole = await source.stream('big', { from: 0 });
  t.match(whole, { start: 0, total: big.length, url: `${source.base}/big` });
  t.ok((await bytesOf(whole)).equals(big), 'pieces that are kept do not change');
  const rest = await source.stream('big', { from: 999_990 });
  t.equal(rest?.start, 999_990);
  t.ok((await bytesOf(rest)).equals(big.subarray(999_990)));
});

t.test('at the end nothing is left, and beyond it everything comes again', async (t) => {
  const source = open(t.testdir({ x: '123' }));
  const end = await source.stream('x', { from: 3 });
  t.equal(end?.start, 3);
  t.equal(String(await bytesOf(end)), '');
  const beyond = await source.stream('x', { from: 4 });
  t.equal(beyond?.start, 0);
  t.equal(String(await bytesOf(beyond)), '123');
});

t.test('links of a tree are followed', async (t) => {
  const folder = t.testdir({ x: '123', y: t.fixture('symlink', 'x') });
  const source = open(folder);
  t.match(await source.get('y', { maxBytes: 3 }), { bytes: Buffer.from('123') });
  t.equal(String(await bytesOf(await source.stream('y', { from: 1 }))), '23');
});

t.test('a medium that fails is a disk error with the name of the file', async (t) => {
  const { effects } = fastEffects();
  const fail = (): Promise<never> =>
    Promise.reject(Object.assign(new Error('EIO: i/o error, read'), { code: 'EIO' }));
  const files = { ...effects.files, read: fail, realPath: fail };
  const source = open(t.testdir({ x: '1' }), { ...effects, files });
  for (const run of [source.get('x', { maxBytes: 9 }), source.stream('x', { from: 0 })])
    t.match(await refusalOf(run), {
      code: 'disk',
      where: `${source.base}/x`,
      found: /EIO/,
    });
});

t.test('a file that becomes shorter while it is read is noticed', async (t) => {
  const folder = t.testdir();
  const file = path.join(folder, 'x');
  fs.writeFileSync(file, Buffer.alloc(600_000));
  const reply = await open(folder).stream('x', { from: 0 });
  const read = async (): Promise<void> => {
    for await (const piece of reply?.body ?? []) fs.truncateSync(file, piece.length);
  };
  t.match(await refusalOf(read()), { code: 'disk', found: /became shorter/ });
});

t.test('an abort ends a body, with the reason of the abort', async (t) => {
  const source = open(t.testdir({ x: '123' }));
  const controller = new AbortController();
  const { signal } = controller;
  const reply = await source.stream('x', { from: 0, signal });
  const reason = new QxError('deferred', 'stopped by SIGTERM');
  controller.abort(reason);
  t.equal(await refusalOf(bytesOf(reply)), reason);
  t.equal(await refusalOf(source.get('x', { maxBytes: 9, signal })), reason);
});
