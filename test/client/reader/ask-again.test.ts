import t, { type Test } from 'tap';
import { QxError } from '../../../client/format/error.ts';
import { unlessLateTwice, untilItsWord } from '../../../client/reader/ask-again.ts';
import { openSource } from '../../../client/reader/open-source.ts';
import type { Source } from '../../../client/reader/source.ts';
import {
  answer,
  fastEffects,
  type Handler,
  inTurn,
  refusalOf,
  serve,
  sourceSettings,
  type Web,
} from '../../support/web.ts';

/** A reader that accepts "whole" alone, of two files; the second one is always well. */
async function readWhole(source: Source): Promise<string> {
  const found = await source.get('root/1.json', { maxBytes: 100 });
  const text = found.status === 'found' ? found.bytes.toString() : found.status;
  if (text !== 'whole') throw new QxError('malformed', `there stands ${text}`);
  await source.get('root/2.json', { maxBytes: 100 });
  return text;
}

async function asked(
  t: Test,
  handler: Handler,
  retries = 3,
): Promise<{ web: Web; source: Source; sleeps: number[] }> {
  const web = await serve(t, handler);
  const { effects, sleeps } = fastEffects();
  return {
    web,
    sleeps,
    source: openSource(effects, web.url, sourceSettings({ retries })),
  };
}

t.test('what was damaged on the way is asked for again, past the caches', async (t) => {
  const handler = inTurn(answer(200, 'whol'), answer(404), answer(200, 'whole'));
  const { web, source, sleeps } = await asked(t, handler);
  t.equal(await untilItsWord(source, undefined, readWhole), 'whole');
  const headers = web.seen.map((request) => request.headers['cache-control']);
  t.same(headers, [undefined, 'no-cache', 'no-cache', 'no-cache']);
  t.same(sleeps, [150, 300]);
});

t.test('who says the same twice means it', async (t) => {
  const { web, source } = await asked(t, answer(200, 'wrong'));
  const error = await refusalOf(untilItsWord(source, undefined, readWhole));
  t.match(error, { code: 'malformed', message: 'there stands wrong' });
  t.equal(web.seen.length, 2);
});

t.test('who says something else every time is left in the end', async (t) => {
  let count = 0;
  const { web, source } = await asked(t, (request, reply) => {
    count += 1;
    answer(200, `wrong ${count}`)(request, reply);
  });
  const error = await refusalOf(untilItsWord(source, undefined, readWhole));
  t.equal(error.message, 'there stands wrong 4', 'the last refusal');
  t.equal(web.seen.length, 4);
});

t.test('a pair that changes is read again though nothing else is', async (t) => {
  const handler = inTurn(answer(200, 'old'), answer(200, 'whole'));
  const { source } = await asked(t, handler, 0);
  await refusalOf(untilItsWord(source, undefined, readWhole));
  const again = await asked(t, inTurn(answer(200, 'old'), answer(200, 'whole')), 0);
  t.equal(await untilItsWord(again.source, undefined, readWhole, 1), 'whole');
});

t.test('a host that does not answer is not asked over and over', async (t) => {
  const { web, source } = await asked(t, answer(500), 2);
  const error = await refusalOf(untilItsWord(source, undefined, readWhole));
  t.match(error, { code: 'network', found: 'status 500' });
  t.equal(web.seen.length, 3);
});

t.test('nor is one that hangs up', async (t) => {
  const { web, source, sleeps } = await asked(t, ({ socket }) => socket.destroy(), 2);
  const signal = new AbortController().signal;
  const look = unlessLateTwice(source, signal, () =>
    untilItsWord(source, signal, readWhole),
  );
  t.match(await refusalOf(look), { code: 'network' });
  t.equal(web.seen.length, 3, 'two tries more, and none for each look around them');
  t.equal(sleeps.length, 2);
});

t.test('what is not about what came ends at once', async (t) => {
  const { web, source } = await asked(t, answer(200, 'whole'));
  for (const error of [new QxError('disk', 'full'), new TypeError('a defect')]) {
    const read = async (heard: Source): Promise<never> => {
      await readWhole(heard);
      throw error;
    };
    await t.rejects(untilItsWord(source, undefined, read), error);
  }
  t.equal(web.seen.length, 4);
});

t.test('who seems to be late is looked at once more', async (t) => {
  const { source } = await asked(t, answer(404));
  const signal = new AbortController().signal;
  let looks = 0;
  const look = (late: number) => (): Promise<number> => {
    looks += 1;
    const error = new QxError('stale', 'withheld', { found: 'root 1' });
    return looks > late ? Promise.resolve(looks) : Promise.reject(error);
  };
  t.equal(await unlessLateTwice(source, signal, look(1)), 2);
  looks = 0;
  t.equal((await refusalOf(unlessLateTwice(source, signal, look(9)))).code, 'stale');
  t.equal(looks, 2);
  const other = new QxError('rollback', 'an older one');
  const refused = unlessLateTwice(source, signal, () => Promise.reject(other));
  t.equal(await refusalOf(refused), other);
});

t.test('after a refusal nothing more is asked on that connection', async (t) => {
  const handler = inTurn(answer(200, 'wrong'), answer(200, 'whole'));
  const { web, source } = await asked(t, handler);
  await untilItsWord(source, undefined, readWhole);
  await source.get('root/3.json', { maxBytes: 100 });
  const [first, ...rest] = web.seen.map((request) => request.socket.remotePort);
  t.equal(new Set(rest).size, 1, 'one for all that follows');
  t.not(first, rest[0]);
});
