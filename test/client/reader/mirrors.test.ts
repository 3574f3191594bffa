import t from 'tap';
import { QxError } from '../../../client/format/error.ts';
import { openMirrors } from '../../../client/reader/mirrors.ts';
import type { BodyReply, Fetched, Source } from '../../../client/reader/source.ts';
import { refusal } from '../../support/refusal.ts';
import { refusalOf } from '../../support/web.ts';

const OPTIONS = { maxBytes: 10 };
const down = new QxError('network', 'the host does not answer');

/** What a mirror does with each request: its text, null where it has nothing, or an error. */
type Behaviour = string | null | Error;

interface Mirror extends Source {
  asked: number;
  now: Behaviour;
}

function mirror(base: string, now: Behaviour): Mirror {
  const act = (): string | null => {
    self.asked += 1;
    if (self.now instanceof Error) throw self.now;
    return self.now;
  };
  const self: Mirror = {
    base,
    asked: 0,
    now,

    async get(path): Promise<Fetched> {
      const text = act();
      if (text === null) return { status: 'missing' };
      return { status: 'found', bytes: Buffer.from(text), url: base + path };
    },

    async stream(path): Promise<BodyReply | null> {
      const text = act();
      return text === null
        ? null
        : { start: 0, total: undefined, body: bodyOf(text), url: base + path };
    },
  };
  return self;
}

/** Breaks off after "cut". */

async function* bodyOf(text: string): AsyncGenerator<Uint8Array> {
  yield Buffer.from(text);
  if (text === 'cut') throw down;
}

function open(...sources: Mirror[]): { all: Source; troubles: [string, string][] } {
  const troubles: [string, string][] = [];
  const all = openMirrors(sources, (base, error) => troubles.push([base, error.message]));
  return { all, troubles };
}

t.test('the first mirror is asked and the others are left alone', async (t) => {
  const [a, b] = [mirror('a/', 'A'), mirror('b/', 'B')];
  const { all, troubles } = open(a, b);
  t.equal(all.base, 'a/');
  t.match(await all.get('x', OPTIONS), { bytes: Buffer.from('A') });
  t.match(await all.stream('x', { from: 0 }), { url: 'a/x' });
  t.equal(b.asked, 0);
  t.same(troubles, []);
});

t.test(
  'the next one helps when one fails, which is told and then asked last',
  async (t) => {
    const [a, b] = [mirror('a/', down), mirror('b/', 'B')];
    const { all, troubles } = open(a, b);
    for (let n = 0; n < 3; n += 1) t.match(await all.get('x', OPTIONS), { url: 'b/x' });
    t.equal(a.asked, 1, 'nobody waits for the dead one again in this run');
    t.same(troubles, [['a/', 'the host does not answer']]);
    a.now = 'A';
    b.now = down;
    t.match(await all.get('x', OPTIONS), { url: 'a/x' }, 'until the other one fails');
    t.match(await all.get('x', OPTIONS), { url: 'a/x' });
    t.equal(b.asked, 4);
  },
);

t.test(
  'a file that is longer than promised is looked for elsewhere as well',
  async (t) => {
    const a = mirror('a/', new QxError('malformed', 'the file is longer than it may be'));
    const { all, troubles } = open(a, mirror('b/', 'B'));
    t.match(await all.get('x', OPTIONS), { url: 'b/x' });
    t.equal(troubles.length, 1);
  },
);

t.test('the last error is thrown when all fail', async (t) => {
  const last = new QxError('network', 'the host refuses the connection');
  const { all, troubles } = open(mirror('a/', down), mirror('b/', last));
  t.equal(await refusalOf(all.get('x', OPTIONS)), last);
  t.equal(await refusalOf(all.stream('x', { from: 0 })), last);
  t.equal(troubles.length, 4);
});

t.test('a missing file is trouble only when another mirror has it', async (t) => {
  const { all, troubles } = open(mirror('a/', null), mirror('b/', 'B'));
  t.match(await all.get('x', OPTIONS), { url: 'b/x' });
  t.same(troubles, [['a/', 'this mirror lacks a file that another has']]);
  const none = open(mirror('a/', null), mirror('b/', null));
  t.same(await none.all.get('x', OPTIONS), { status: 'missing' });
  t.equal(await none.all.stream('x', { from: 0 }), null);
  t.same(none.troubles, []);
});

t.test('one that says missing counts more than one that cannot be reached', async (t) => {
  const { all, troubles } = open(mirror('a/', down), mirror('b/', null));
  t.same(await all.get('x', OPTIONS), { status: 'missing' });
  t.equal(troubles.length, 1);
});

t.test('a body that breaks off sends the next request elsewhere', async (t) => {
  const { all } = open(mirror('a/', 'cut'), mirror('b/', 'whole'));
  const read = async (): Promise<void> => {
    const reply = await all.stream('x', { from: 0 });
    for await (const piece of reply?.body ?? []) t.equal(String(piece), 'cut');
  };
  t.equal(await refusalOf(read()), down);
  t.match(await all.stream('x', { from: 3 }), { url: 'b/x' });
});

t.test('an abort and a defect are not tried elsewhere', async (t) => {
  for (const error of [new QxError('deferred', 'stopped'), new TypeError('a defect')]) {
    const b = mirror('b/', 'B');
    const { all, troubles } = open(mirror('a/', error), b);
    await t.rejects(all.get('x', OPTIONS), error);
    t.equal(b.asked, 0);
    t.same(troubles, []);
  }
});

t.test('without any mirror there is nothing to read from', (t) => {
  t.equal(refusal(() => openMirrors([], () => undefined)).code, 'config');
  t.end();
});
