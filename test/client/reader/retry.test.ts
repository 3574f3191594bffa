import t from 'tap';
import { QxError } from '../../../client/format/error.ts';
import {
  type Attempt,
  isPassing,
  pauseMs,
  retryAfterMs,
  withRetries,
} from '../../../client/reader/retry.ts';
import { fastEffects, refusalOf } from '../../support/web.ts';

const failed = new QxError('network', 'the host answered with an error');

function failing(times: number, afterMs?: number): () => Promise<Attempt<string>> {
  let tried = 0;
  return () => {
    tried += 1;
    const result = tried > times ? { done: 'here' } : { failed, passing: true, afterMs };
    return Promise.resolve(result);
  };
}

t.test('pauses double, half of them by chance, up to 30 seconds', (t) => {
  const least = [0, 1, 2, 3, 4, 5, 20].map((tried) => pauseMs(undefined, tried, 0));
  const most = [0, 1, 2, 3, 4, 5, 20].map((tried) => pauseMs(undefined, tried, 1));
  t.same(least, [500, 1000, 2000, 4000, 8000, 15000, 15000]);
  t.same(most, [1000, 2000, 4000, 8000, 16000, 30000, 30000]);
  t.end();
});

t.test('Retry-After lengthens a pause up to a minute; for longer nobody waits', (t) => {
  t.equal(pauseMs(7_000, 0, 0), 7_000);
  t.equal(pauseMs(0, 0, 0), 500, 'never below our own pause');
  t.equal(pauseMs(60_000, 0, 0), 60_000);
  t.equal(pauseMs(60_001, 0, 0), undefined);
  t.end();
});

t.test('Retry-After is seconds or a date', (t) => {
  const now = Date.UTC(2026, 0, 1);
  t.equal(retryAfterMs('12', now), 12_000);
  t.equal(retryAfterMs('Thu, 01 Jan 2026 00:00:30 GMT', now), 30_000);
  t.equal(retryAfterMs('Thu, 01 Jan 2025 00:00:30 GMT', now), 0);
  t.equal(retryAfterMs('soon', now), undefined);
  t.equal(retryAfterMs(undefined, now), undefined);
  t.end();
});

t.test(
  'what passes is tried again, and the result of the last try is given',
  async (t) => {
    const { effects, sleeps } = fastEffects();
    t.equal(await withRetries(effects, 3, undefined, failing(3)), 'here');
    t.same(sleeps, [751, 1502, 3004], 'three pauses, three quarters of the longest each');
  },
);

t.test('who says the same twice in a row is not asked again', async (t) => {
  const { effects, sleeps } = fastEffects();
  const words = ['one', 'two', 'one', 'one', 'three'];
  let tried = 0;
  const saying = (): Promise<Attempt<string>> => {
    tried += 1;
    return Promise.resolve({ failed, word: words[tried - 1] ?? '' });
  };
  t.equal(await refusalOf(withRetries(effects, 9, undefined, saying)), failed);
  t.equal(tried, 4);
  t.same(sleeps, [150, 300, 601], 'shorter pauses: a host that answers is not down');
  tried = 0;
  await refusalOf(withRetries(effects, 1, undefined, saying));
  t.equal(tried, 2, 'never more often than it may');
});

t.test('the error is thrown when all tries are used up', async (t) => {
  const { effects, sleeps } = fastEffects();
  t.equal(await refusalOf(withRetries(effects, 2, undefined, failing(3))), failed);
  t.equal(sleeps.length, 2);
});

t.test('a host that asks for an hour is left alone at once', async (t) => {
  const { effects, sleeps } = fastEffects();
  const run = withRetries(effects, 5, undefined, failing(9, 3_600_000));
  t.equal(await refusalOf(run), failed);
  t.same(sleeps, []);
});

t.test('what broke below HTTP passes; certificates, pages and digests do not', (t) => {
  const caused = (code: string): QxError =>
    new QxError('network', 'x', { cause: Object.assign(new Error('x'), { code }) });
  const rows: [code: string, passing: boolean][] = [
    ['ECONNRESET', true],
    ['ECONNREFUSED', true],
    ['ENOTFOUND', true],
    ['ETIMEDOUT', true],
    ['ERR_BODY_LENGTH', true],
    ['CERT_HAS_EXPIRED', false],
    ['DEPTH_ZERO_SELF_SIGNED_CERT', false],
    ['UNABLE_TO_GET_ISSUER_CERT_LOCALLY', false],
    ['ERR_TLS_CERT_ALTNAME_INVALID', false],
    ['ERR_SSL_WRONG_VERSION_NUMBER', false],
  ];
  for (const [code, passing] of rows) t.equal(isPassing(caused(code)), passing, code);
  t.equal(isPassing(new QxError('network', 'a page')), false);
  const cause = Object.assign(new Error('x'), { code: 'EIO' });
  t.equal(isPassing(new QxError('disk', 'x', { cause })), false);
  t.end();
});

t.test('an abort ends the pause, with the reason of the abort', async (t) => {
  const { effects } = fastEffects();
  const controller = new AbortController();
  const reason = new QxError('deferred', 'stopped by SIGTERM');
  const sleep = (): Promise<void> => {
    controller.abort(reason);
    return Promise.reject(new Error('the sleep was aborted'));
  };
  const clock = { ...effects.clock, sleep };
  const run = withRetries({ ...effects, clock }, 3, controller.signal, failing(9));
  t.equal(await refusalOf(run), reason);
});

t.test('an error that is none of ours is a defect and comes through', async (t) => {
  const { effects, sleeps } = fastEffects();
  const run = withRetries(effects, 3, undefined, () =>
    Promise.reject(new TypeError('x')),
  );
  await t.rejects(run, TypeError);
  t.same(sleeps, []);
});
