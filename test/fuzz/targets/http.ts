import net from 'node:net';
import { nodeEffects } from '../../../client/effects/node.ts';
import { nodeNetwork } from '../../../client/effects/network.ts';
import type { Effects, Network } from '../../../client/effects/effects.ts';
import { QxError } from '../../../client/format/error.ts';
import { httpSource } from '../../../client/reader/http-source.ts';
import {
  parseLength,
  parseRange,
  unsatisfiedTotal,
} from '../../../client/reader/ranges.ts';
import { nextHop } from '../../../client/reader/redirects.ts';
import {
  pauseMs,
  retryAfterMs,
  RETRY_AFTER_MAX_MS,
} from '../../../client/reader/retry.ts';
import { mutateBytes, mutateLines, pick } from '../../support/mutate.ts';
import type { Chance } from '../../support/seeded.ts';
import { sourceSettings } from '../../support/web.ts';
import { Fault, type Target } from '../engine.ts';

/** The first line of an input says how the file is asked for; the rest is what the host sends. */
const WAYS = ['get', 'conditional', 'stream', 'resume'] as const;
const BODY = '{"type": "pointer"}\n';
const FROM = 5;
const MAX_BYTES = 4096;

const head = (status: string, headers: readonly string[]): string =>
  [`HTTP/1.1 ${status}`, ...headers, '', ''].join('\r\n');
const length = `Content-Length: ${BODY.length}`;
const REPLIES = [
  head('200 OK', [length, 'ETag: "x"', 'Last-Modified: Thu, 01 Jan 2026 00:00:00 GMT']) +
    BODY,
  head('200 OK', ['Transfer-Encoding: chunked', 'Content-Type: text/html']) +
    `a\r\n${BODY.slice(0, 10)}\r\na;x=y\r\n${BODY.slice(10)}\r\n0\r\nTrailer: 1\r\n\r\n`,
  head('200 OK', ['Connection: close']) + BODY,
  head('206 Partial Content', [`Content-Range: bytes 5-19/20`, 'Content-Length: 15']) +
    BODY.slice(5),
  head('416 Range Not Satisfiable', ['Content-Range: bytes */5', 'Content-Length: 0']),
  head('304 Not Modified', ['ETag: "x"']),
  head('404 Not Found', ['Content-Length: 4']) + 'none',
  head('503 Busy', ['Retry-After: 120', 'Content-Length: 0']),
  head('302 Found', ['Location: http://elsewhere.example/x', 'Content-Length: 0']),
  head('301 Moved', ['Location: /again', 'Content-Length: 0']),
  head('100 Continue', []) + head('200 OK', [length]) + BODY,
].map((text) => Buffer.from(text, 'latin1'));
const PIECES = [
  ...['Content-Length: 20\r\n', 'Content-Length: 1\r\n', 'Content-Length: -1\r\n'],
  ...[
    'Transfer-Encoding: chunked\r\n',
    'Transfer-Encoding: gzip, chunked\r\n',
    ' folded\r\n',
  ],
  ...[
    'Content-Encoding: br\r\n',
    'Content-Range: bytes 0-4/5\r\n',
    'Content-Range: bytes 5-4/20\r\n',
  ],
  ...[
    'Content-Range: bytes 5-999999999999999/1000000000000000\r\n',
    'Location: file:///etc/passwd\r\n',
  ],
  ...[
    'Location: //[\r\n',
    'Location: http://u:p@127.0.0.1/\r\n',
    'Upgrade: x\r\nConnection: upgrade\r\n',
  ],
  ...[
    '__proto__: x\r\n',
    'ETag: \xff\r\n',
    'X: \0\r\n',
    'HTTP/1.1 101 S\r\n\r\n',
    'ffffffffffffffff\r\n',
  ],
  ...[
    `A: ${'b'.repeat(20_000)}\r\n`,
    'a: b\r\n'.repeat(2_500),
    '\r\n\r\n',
    '0\r\n\r\n',
    'x'.repeat(5_000),
  ],
].map((text) => Buffer.from(text, 'latin1'));

function makeReply(chance: Chance): Buffer {
  const donor = pick(chance, [...PIECES, ...REPLIES]);
  const mutate = pick(chance, [mutateBytes, mutateLines]);
  const reply = mutate(chance, pick(chance, REPLIES), donor);
  return Buffer.concat([Buffer.from(`${pick(chance, WAYS)}\n`), reply]);
}

interface RawHost {
  base: URL;
  /** What the next connections are sent, before they are closed. */
  say(bytes: Buffer): void;
}

let started: Promise<RawHost> | undefined;

/** A host that knows no HTTP: it sends what it was told, whatever it is asked. Never holds the process open. */
function rawHost(): Promise<RawHost> {
  return (started ??= new Promise((resolve) => {
    let bytes = Buffer.alloc(0);
    const server = net.createServer((socket) => {
      socket.on('error', () => undefined);
      socket.once('data', () => socket.end(bytes)).resume();
      socket.unref();
    });
    server.listen(0, '127.0.0.1', () => {
      const { port } = server.address() as net.AddressInfo;
      const base = new URL(`http://user:secret@127.0.0.1:${port}/tree`);
      resolve({ base, say: (next) => (bytes = Buffer.from(next)) });
    });
    server.unref();
  }));
}

/** The real network for one case, of which nothing leaves this machine; credentials go to the host alone. */
function fenced(base: URL): Network {
  const real = nodeNetwork({});
  return {
    ...real,
    request: (request) => {
      const url = new URL(request.url);
      if (!/^https?:$/.test(url.protocol)) throw new Fault(`asks for ${url.protocol}`);
      const shown = request.headers?.['authorization'];
      if (url.origin !== base.origin && shown !== undefined)
        throw new Fault('shows the credentials to another host');
      if (url.origin === base.origin) return real.request(request);
      return Promise.reject(new QxError('network', 'fenced off'));
    },
  };
}

const httpReply: Target = {
  name: 'http-reply',
  codes: ['network', 'malformed'],
  make: makeReply,
  judge: async (input) => {
    const host = await rawHost();
    const end = input.indexOf('\n');
    host.say(input.subarray(end + 1));
    const effects: Effects = { ...nodeEffects({}), network: fenced(host.base) };
    const source = httpSource(effects, host.base, sourceSettings());
    const way = input.toString('latin1', 0, end);
    if (way === 'stream' || way === 'resume') await checkStream(source, way, input);
    else await checkGet(source, way, input);
  },
};

type Source = ReturnType<typeof httpSource>;

async function checkGet(source: Source, way: string, input: Buffer): Promise<void> {
  const asked = way === 'conditional' ? { conditional: { etag: '"x"' } } : {};
  const got = await source.get('channels/p/stable.json', {
    maxBytes: MAX_BYTES,
    ...asked,
  });
  if (got.status === 'unchanged' && way !== 'conditional')
    throw new Fault('unchanged, and nobody asked for that');
  if (got.status !== 'found') return;
  if (got.bytes.length > MAX_BYTES) throw new Fault('more bytes than were allowed');
  if (got.bytes.length > input.length) throw new Fault('more bytes than were sent');
}

async function checkStream(source: Source, way: string, input: Buffer): Promise<void> {
  const from = way === 'resume' ? FROM : 0;
  const reply = await source.stream('objects/ab/abcd', { from, etag: '"x"' });
  if (reply === null) return;
  if (reply.start !== 0 && reply.start !== from)
    throw new Fault(`begins at ${reply.start}`);
  let came = 0;
  for await (const piece of reply.body) came += piece.length;
  if (came > input.length) throw new Fault('more bytes than were sent');
  if (reply.total !== undefined && reply.start + came !== reply.total)
    throw new Fault(
      `${came} bytes from ${reply.start} of ${reply.total} were taken as whole`,
    );
}

const FIELDS = [
  'bytes 100-199/200',
  'bytes */200',
  'bytes 0-0/1',
  'bytes 5-999999999999999/1000000000000000',
  '200',
  '120',
  'Thu, 01 Jan 2026 00:00:10 GMT',
].map((text) => Buffer.from(text));
const NOW = Date.UTC(2026, 0, 1);

/** Fields of a reply that are numbers: whatever they say, the numbers are ones to reckon with. */
const httpFields: Target = {
  name: 'http-fields',
  codes: ['malformed'],
  make: (chance) => mutateBytes(chance, pick(chance, FIELDS), pick(chance, FIELDS)),
  judge: (input) => {
    const text = input.toString('latin1');
    const range = parseRange({ 'content-range': text });
    const numbers = [
      parseLength({ 'content-length': text }),
      unsatisfiedTotal({ 'content-range': text }),
    ];
    for (const number of numbers) if (number !== undefined) checkCount(number);
    if (range !== null) {
      checkCount(range.start);
      checkCount(range.total);
      const [, start, end, total] = /^bytes 0*(\d+)-0*(\d+)\/0*(\d+)$/.exec(text) ?? [];
      const same =
        `${range.start}-${range.total - 1}/${range.total}` === `${start}-${end}/${total}`;
      if (!same || range.start >= range.total)
        throw new Fault(`reads ${JSON.stringify(range)}`);
    }
    checkPause(retryAfterMs(text, NOW));
    if (range === null && numbers.every((each) => each === undefined))
      throw new QxError('malformed', 'none of them');
  },
};

function checkCount(number: number): void {
  if (!Number.isSafeInteger(number) || number < 0) throw new Fault(`reads ${number}`);
}

function checkPause(afterMs: number | undefined): void {
  const pause = pauseMs(afterMs, 3, 0.5);
  if (pause === undefined) return;
  if (!(pause > 0 && pause <= RETRY_AFTER_MAX_MS)) throw new Fault(`waits ${pause} ms`);
}

const LOCATIONS = [
  'https://a.example/tree/x',
  'http://a.example/tree/x',
  'https://user:password@b.example:444/x?token=1#f',
  '/other',
  '//c.example/x',
  'file:///etc/passwd',
  'data:text/plain,x',
  'https:\\\\a.example\\x',
  'https://[::1]/',
].map((text) => Buffer.from(text));

const redirect: Target = {
  name: 'redirect',
  codes: ['network'],
  make: (chance) => mutateBytes(chance, pick(chance, LOCATIONS), pick(chance, LOCATIONS)),
  judge: (input) => {
    const url = new URL('https://a.example/tree/x');
    const hop = { url, authorization: 'Basic x', certificate: true };
    const next = nextHop(hop, input.toString('latin1'), 0);
    if (next.url.protocol !== 'https:') throw new Fault(`goes to ${next.url.protocol}`);
    if (next.url.username !== '' || next.url.password !== '')
      throw new Fault('takes credentials');
    const shows = next.authorization !== undefined || next.certificate;
    if (next.url.host !== url.host && shows)
      throw new Fault('shows ours to another host');
  },
};

export const httpTargets: readonly Target[] = [httpReply, httpFields, redirect];
