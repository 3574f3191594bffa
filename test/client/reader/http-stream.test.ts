import t, { type Test } from 'tap';
import { QxError } from '../../../client/format/error.ts';
import { openSource } from '../../../client/reader/open-source.ts';
import type { BodyReply, Source } from '../../../client/reader/source.ts';
import {
  type Handler,
  type Web,
  answer,
  fastEffects,
  inTurn,
  refusalOf,
  serve,
  sourceSettings,
} from '../../support/web.ts';

const PATH = `objects/ab/ab${'0'.repeat(62)}`;
const FILE = Buffer.from('0123456789');

/** A well-behaved host of FILE with the etag "v1". */
const ranges: Handler = (request, reply) => {
  const from = Number(/^bytes=(\d+)-$/.exec(request.headers.range ?? '')?.[1] ?? NaN);
  const changed = (request.headers['if-range'] ?? '"v1"') !== '"v1"';
  const etag = '"v1"';
  if (Number.isNaN(from) || changed)
    return answer(200, FILE, length(etag))(request, reply);
  if (from >= FILE.length)
    return answer(416, '', { 'content-range': 'bytes */10' })(request, reply);
  const headers = { etag, 'content-range': `bytes ${from}-9/10` };
  answer(206, FILE.subarray(from), headers)(request, reply);
};

function length(etag: string): Record<string, string> {
  return { etag, 'content-length': '10' };
}

async function host(
  t: Test,
  handler: Handler,
  changes: object = {},
): Promise<{ web: Web; source: Source; sleeps: number[] }> {
  const web = await serve(t, handler);
  const { effects, sleeps } = fastEffects();
  return { web, source: openSource(effects, web.url, sourceSettings(changes)), sleeps };
}

async function textOf(reply: BodyReply | null): Promise<string> {
  const pieces: Uint8Array[] = [];
  for await (const piece of reply?.body ?? []) pieces.push(piece);
  return Buffer.concat(pieces).toString();
}

t.test('a whole file comes from its first byte', async (t) => {
  const { web, source } = await host(t, ranges);
  const reply = await source.stream(PATH, { from: 0 });
  t.match(reply, { start: 0, total: 10, etag: '"v1"', url: `${web.url}/${PATH}` });
  t.equal(await textOf(reply), '0123456789');
  t.notOk(web.seen[0]?.headers['range']);
});

t.test('a resumed file goes on where it stopped', async (t) => {
  const { web, source } = await host(t, ranges);
  const reply = await source.stream(PATH, { from: 4, etag: '"v1"' });
  t.match(reply, { start: 4, total: 10 });
  t.equal(await textOf(reply), '456789');
  t.match(web.seen[0]?.headers, { range: 'bytes=4-', 'if-range': '"v1"' });
  const plain = await source.stream(PATH, { from: 9 });
  t.equal(await textOf(plain), '9');
  t.notOk(web.seen[1]?.headers['if-range']);
});

t.test('a file that changed in between comes from its first byte', async (t) => {
  const { web, source } = await host(t, ranges);
  const reply = await source.stream(PATH, { from: 4, etag: '"v0"' });
  t.match(reply, { start: 0, total: 10, etag: '"v1"' });
  t.equal(await textOf(reply), '0123456789');
  t.equal(web.seen.length, 1);
});

t.test('a host that ignores If-Range is found out by the etag of its 206', async (t) => {
  const careless: Handler = (request, reply) => {
    delete request.headers['if-range'];
    ranges(request, reply);
  };
  const { web, source } = await host(t, careless);
  const reply = await source.stream(PATH, { from: 4, etag: '"v0"' });
  t.equal(reply?.start, 0);
  t.equal(await textOf(reply), '0123456789');
  t.equal(web.seen.length, 2);
  t.notOk(web.seen[1]?.headers['range']);
});

t.test('a weak etag is not sent as If-Range, and compared all the same', async (t) => {
  const weak: Handler = (request, reply) => {
    const headers = { etag: 'W/"v1"', 'content-range': 'bytes 4-9/10' };
    if (request.headers.range === undefined) answer(200, FILE)(request, reply);
    else answer(206, '456789', headers)(request, reply);
  };
  const { web, source } = await host(t, weak);
  const same = await source.stream(PATH, { from: 4, etag: 'W/"v1"' });
  t.equal(await textOf(same), '456789');
  t.notOk(web.seen[0]?.headers['if-range']);
  const other = await source.stream(PATH, { from: 4, etag: 'W/"v0"' });
  t.equal(await textOf(other), '0123456789');
});

t.test('a host without ranges sends everything again', async (t) => {
  const { source } = await host(t, answer(200, FILE));
  const reply = await source.stream(PATH, { from: 4 });
  t.equal(reply?.start, 0);
  t.equal(await textOf(reply), '0123456789');
});

t.test('nothing left to send is an empty body at the end', async (t) => {
  const { web, source } = await host(t, ranges);
  const reply = await source.stream(PATH, { from: 10, etag: '"v1"' });
  t.match(reply, { start: 10, total: 10 });
  t.equal(await textOf(reply), '');
  t.equal(web.seen.length, 1);
});

t.test('more than the file has, or a 416 that names no size, begins anew', async (t) => {
  const { web, source } = await host(t, ranges);
  const reply = await source.stream(PATH, { from: 11, etag: '"v1"' });
  t.equal(reply?.start, 0);
  t.equal(await textOf(reply), '0123456789');
  t.equal(web.seen.length, 2);
  const bare = await host(t, inTurn(answer(416), answer(200, FILE)));
  t.equal(await textOf(await bare.source.stream(PATH, { from: 10 })), '0123456789');
});

t.test('a 206 of another part than the one asked for is not used', async (t) => {
  const rows: [reason: string, contentRange: string | undefined, body: string][] = [
    ['the first part', 'bytes 0-9/10', '0123456789'],
    ['a byte earlier', 'bytes 3-9/10', '3456789'],
    ['a byte later', 'bytes 5-9/10', '56789'],
    ['not to the end', 'bytes 4-8/10', '45678'],
    ['beyond the end', 'bytes 4-10/10', '4567890'],
    ['backwards', 'bytes 4-3/10', ''],
    ['another unit', 'pages 4-9/10', '456789'],
    ['of unknown size', 'bytes 4-9/*', '456789'],
    ['several parts', undefined, '456789'],
    ['another length than its body', 'bytes 4-19/20', '456789'],
  ];
  for (const [reason, contentRange, body] of rows) {
    const headers = contentRange === undefined ? {} : { 'content-range': contentRange };
    const part = answer(206, body, { ...headers, 'content-length': body.length });
    const { web, source } = await host(t, inTurn(part, answer(200, FILE)));
    const reply = await source.stream(PATH, { from: 4 });
    t.equal(reply?.start, 0, reason);
    t.equal(await textOf(reply), '0123456789', reason);
    t.equal(web.seen.length, 2, reason);
  }
});

t.test('a 206 or 416 to a request for everything is refused', async (t) => {
  for (const status of [206, 416]) {
    const { source } = await host(t, answer(status, FILE));
    const error = await refusalOf(source.stream(PATH, { from: 0 }));
    t.match(error, { code: 'network', found: `status ${status}` });
    const { web, source: resumed } = await host(t, answer(status, FILE));
    t.match(await refusalOf(resumed.stream(PATH, { from: 4 })), { code: 'network' });
    t.equal(web.seen.length, 2, 'and nobody asks for ever');
  }
});

t.test('403 and 404 are missing', async (t) => {
  for (const status of [403, 404]) {
    const { source } = await host(t, answer(status));
    t.equal(await source.stream(PATH, { from: 4 }), null);
  }
});

t.test('a failing host is tried again until its headers come', async (t) => {
  const handler = inTurn(answer(503), answer(503), ranges);
  const { source, sleeps } = await host(t, handler, { retries: 2 });
  t.equal(await textOf(await source.stream(PATH, { from: 4 })), '456789');
  t.equal(sleeps.length, 2);
});

t.test('a dropped connection gives what arrived, then a network error', async (t) => {
  const cut: Handler = (_request, reply) => {
    reply.writeHead(200, { 'content-length': '10' }).write('01234');
    setTimeout(() => reply.destroy(), 20);
  };
  const { source } = await host(t, cut);
  const reply = await source.stream(PATH, { from: 0 });
  let text = '';
  const read = async (): Promise<void> => {
    for await (const piece of reply?.body ?? []) text += Buffer.from(piece).toString();
  };
  const error = await refusalOf(read());
  t.match(error, { code: 'network', message: 'the connection broke off' });
  t.equal(text, '01234');
});

t.test('a stalled body gives what arrived, then a network error', async (t) => {
  const stalling: Handler = (_request, reply) =>
    void reply.writeHead(200, { 'content-length': '10' }).write('01234');
  const { source } = await host(t, stalling, { stallTimeoutMs: 60 });
  const reply = await source.stream(PATH, { from: 0 });
  t.match(await refusalOf(textOf(reply)), {
    code: 'network',
    message: 'the body stalled',
  });
});

t.test('a slow reader is not taken for a stalled host', async (t) => {
  const pieces: Handler = (_request, reply) => {
    reply.writeHead(200).write(FILE);
    setTimeout(() => reply.end(FILE), 20);
  };
  const { source } = await host(t, pieces, { stallTimeoutMs: 100 });
  const reply = await source.stream(PATH, { from: 0 });
  let count = 0;
  for await (const piece of reply?.body ?? []) {
    count += piece.length;
    await new Promise((resolve) => setTimeout(resolve, 250));
  }
  t.equal(count, 20);
});

t.test('a body that is left early closes its connection', async (t) => {
  let closed = false;
  const endless: Handler = (_request, reply) => {
    const more = (): void => {
      while (!closed && reply.write(Buffer.alloc(1 << 16)));
    };
    reply.on('drain', more).on('close', () => (closed = true));
    more();
  };
  const { source } = await host(t, endless);
  const reply = await source.stream(PATH, { from: 0 });
  t.equal(reply?.total, undefined);
  for await (const piece of reply?.body ?? []) if (piece.length > 0) break;
  while (!closed) await new Promise((resolve) => setTimeout(resolve, 5));
  t.pass('closed');
});

t.test('a page instead of an object is a network error', async (t) => {
  const page = answer(200, '<!doctype html><title>Not here', {
    'content-type': 'text/html',
  });
  const { source } = await host(t, page);
  const error = await refusalOf(textOf(await source.stream(PATH, { from: 0 })));
  t.match(error, { code: 'network', found: /Not here/ });
});

t.test('an abort ends a body, with the reason of the abort', async (t) => {
  const half: Handler = (_request, reply) => void reply.writeHead(200).write('{');
  const { source } = await host(t, half);
  const controller = new AbortController();
  const reason = new QxError('deferred', 'stopped by SIGTERM');
  const reply = await source.stream(PATH, { from: 0, signal: controller.signal });
  setTimeout(() => controller.abort(reason), 50);
  t.equal(await refusalOf(textOf(reply)), reason);
});

t.test('a large body comes whole and unchanged', async (t) => {
  const big = Buffer.alloc(8 << 20, 'quantix');
  const { source } = await host(t, answer(200, big));
  const reply = await source.stream(PATH, { from: 0 });
  t.ok(Buffer.from(await textOf(reply)).equals(big));
});
