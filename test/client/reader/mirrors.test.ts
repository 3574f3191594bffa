import t from 'tap';
import { type Code, QxError } from '../../../client/format/error.ts';
import {
  firstAccepted,
  type Mirrors,
  mostTelling,
  openMirrors,
} from '../../../client/reader/mirrors.ts';
import type { Source } from '../../../client/reader/source.ts';
import { refusalOf } from '../../support/web.ts';

/** Nothing is asked of it here. */
function mirror(base: string): Source {
  const never = (): never => {
    throw new Error('asked');
  };
  return { base, get: never, stream: never, retry: never };
}

const [A, B, C] = [mirror('a/'), mirror('b/'), mirror('c/')];
const down = new QxError('network', 'the host does not answer');
const forged = new QxError('signature', 'too few valid signatures');

interface Trouble {
  base: string;
  message: string;
  quietly: boolean;
}

function open(...sources: Source[]): { mirrors: Mirrors; troubles: Trouble[] } {
  const troubles: Trouble[] = [];
  const mirrors = openMirrors(sources, (base, { message }, quietly) =>
    troubles.push({ base, message, quietly }),
  );
  return { mirrors, troubles };
}

/** What each mirror gives: its text, or the error that it is refused with. */
function asking(replies: Record<string, string | Error>): {
  ask: (source: Source) => Promise<string>;
  asked: string[];
} {
  const asked: string[] = [];
  const ask = ({ base }: Source): Promise<string> => {
    asked.push(base);
    const reply = replies[base] ?? new Error('no such mirror');
    return reply instanceof Error ? Promise.reject(reply) : Promise.resolve(reply);
  };
  return { ask, asked };
}

t.test('the first mirror is asked and the others are left alone', async (t) => {
  const { mirrors, troubles } = open(A, B);
  const { ask, asked } = asking({ 'a/': 'A', 'b/': 'B' });
  t.equal(await firstAccepted(mirrors, ask), 'A');
  t.same(asked, ['a/']);
  t.same(troubles, []);
});

t.test('a mirror that is refused is told of, and asked last from then on', async (t) => {
  const { mirrors, troubles } = open(A, B, C);
  const first = asking({ 'a/': forged, 'b/': down, 'c/': 'C' });
  t.equal(await firstAccepted(mirrors, first.ask), 'C');
  t.same(troubles, [
    { base: 'a/', message: forged.message, quietly: false },
    { base: 'b/', message: down.message, quietly: false },
  ]);
  const second = asking({ 'a/': 'A', 'b/': 'B', 'c/': down });
  t.equal(await firstAccepted(mirrors, second.ask), 'A');
  t.same(second.asked, ['c/', 'a/'], 'until all have been refused');
});

t.test('other places than mirrors come behind them, and a bad one last', (t) => {
  const { mirrors, troubles } = open(A);
  t.same(mirrors.inOrder([B, C]), [A, B, C]);
  mirrors.refuse(B, forged);
  mirrors.refuse(A, down, { quietly: true });
  t.same(mirrors.inOrder([B, C]), [C, A, B]);
  t.same(
    troubles.map(({ base, quietly }) => [base, quietly]),
    [
      ['b/', false],
      ['a/', true],
    ],
  );
  t.end();
});

t.test('of a single place the error itself tells enough', async (t) => {
  const { mirrors, troubles } = open(A);
  t.equal(await refusalOf(firstAccepted(mirrors, asking({ 'a/': down }).ask)), down);
  t.same(troubles, []);
});

t.test('when none is accepted, the most telling refusal counts', async (t) => {
  const { mirrors, troubles } = open(A, B, C);
  const { ask } = asking({ 'a/': down, 'b/': forged, 'c/': down });
  t.equal(await refusalOf(firstAccepted(mirrors, ask)), forged);
  t.equal(troubles.length, 3);
});

t.test('what is signed tells more than what was changed, late, or not there', (t) => {
  const order: Code[] = [
    'too-new', 'signature', 'rollback', 'digest', 'malformed', 'stale', 'network', 'disk',
  ]; // prettier-ignore
  for (const [at, code] of order.entries()) {
    const rest = order.slice(at).map((each) => new QxError(each, each));
    t.equal(mostTelling(rest.reverse()).code, code);
  }
  const twice = [new QxError('stale', 'one'), new QxError('stale', 'other')];
  t.equal(mostTelling(twice).message, 'one', 'of equal ones the first');
  t.equal(mostTelling([]).code, 'config', 'without any mirror there is nothing to read');
  t.end();
});

t.test('a stop, a defect and what is wrong here are not tried elsewhere', async (t) => {
  const errors = [
    new QxError('deferred', 'stopped'),
    new QxError('local-state', 'unreadable'),
    new QxError('config', 'not a URL'),
    new TypeError('a defect'),
    Object.assign(new Error('full'), { code: 'ENOSPC' }),
  ];
  for (const error of errors) {
    const { mirrors, troubles } = open(A, B);
    const { ask, asked } = asking({ 'a/': error, 'b/': 'B' });
    await t.rejects(firstAccepted(mirrors, ask), error);
    t.same(asked, ['a/']);
    t.same(troubles, []);
  }
});
