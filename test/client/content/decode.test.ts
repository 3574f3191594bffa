import { createCipheriv, createHash } from 'node:crypto';
import { brotliCompressSync, constants } from 'node:zlib';
import t from 'tap';
import { decodeContent } from '../../../client/content/decode.ts';
import { QxError } from '../../../client/format/error.ts';
import type { Descriptor } from '../../../client/format/shapes.ts';

const describe = (bytes: Uint8Array): Descriptor => ({
  sha256: createHash('sha256').update(bytes).digest('hex'),
  size: bytes.length,
});

/** A body in pieces, and how it ended. */
class Body {
  given = 0;
  ended = false;
  readonly #bytes: Buffer;
  readonly #pieceBytes: number;
  readonly #error: Error | undefined;

  constructor(bytes: Buffer, pieceBytes = 65_536, error?: Error) {
    this.#bytes = bytes;
    this.#pieceBytes = pieceBytes;
    this.#error = error;
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<Uint8Array> {
    try {
      for (let at = 0; at < this.#bytes.length; at += this.#pieceBytes) {
        await new Promise((resolve) => setImmediate(resolve));
        this.given += 1;
        yield this.#bytes.subarray(at, at + this.#pieceBytes);
      }
      if (this.#error !== undefined) throw this.#error;
    } finally {
      this.ended = true;
    }
  }
}

async function collect(body: AsyncIterable<Uint8Array>): Promise<Buffer> {
  const pieces: Uint8Array[] = [];
  for await (const piece of body) pieces.push(piece);
  return Buffer.concat(pieces);
}

const text = Buffer.from('quantix '.repeat(100_000));

t.test('both encodings give the content, whatever the pieces', async (t) => {
  const br = brotliCompressSync(text, {
    params: { [constants.BROTLI_PARAM_QUALITY]: 5 },
  });
  for (const pieceBytes of [1, 7, 1000, 1_000_000]) {
    const decoded = await collect(
      decodeContent(new Body(br, pieceBytes), 'br', describe(text)),
    );
    t.ok(decoded.equals(text), `br in pieces of ${pieceBytes}`);
  }
  const same = await collect(
    decodeContent(new Body(text, 1000), 'identity', describe(text)),
  );
  t.ok(same.equals(text));
});

t.test('an empty content has an empty encoding in both', async (t) => {
  const empty = Buffer.alloc(0);
  const br = brotliCompressSync(empty);
  t.equal((await collect(decodeContent(new Body(br), 'br', describe(empty)))).length, 0);
  t.equal(
    (await collect(decodeContent(new Body(empty), 'identity', describe(empty)))).length,
    0,
  );
});

t.test('the largest window of RFC 7932 is read, and none that is larger', async (t) => {
  const decode = (bits: number): Promise<Buffer> => {
    const object = brotliCompressSync(text, {
      params: {
        [constants.BROTLI_PARAM_QUALITY]: 5,
        [constants.BROTLI_PARAM_LARGE_WINDOW]: bits > 24 ? 1 : 0,
        [constants.BROTLI_PARAM_LGWIN]: bits,
      },
    });
    return collect(decodeContent(new Body(object), 'br', describe(text)));
  };
  t.ok((await decode(24)).equals(text));
  for (const bits of [25, 30]) await t.rejects(decode(bits), { code: 'digest' });
});

t.test('a bomb stops right behind the promised size', async (t) => {
  // Noise in hexadecimal halves in size, so that the bytes of the source are spread over the whole bomb.
  const hex = Buffer.from(noise(8_000_000).toString('hex'));
  const bomb = brotliCompressSync(hex, {
    params: { [constants.BROTLI_PARAM_QUALITY]: 1 },
  });
  const promised = { sha256: 'a'.repeat(64), size: 1_000_000 };
  const body = new Body(bomb, 10_000);
  let got = 0;
  await t.rejects(
    (async () => {
      for await (const piece of decodeContent(body, 'br', promised)) got += piece.length;
    })(),
    { code: 'digest', expected: '1000000 bytes', found: 'more than 1000000 bytes' },
  );
  t.ok(got <= 1_000_000, 'never more than promised');
  await settled();
  t.ok(body.ended, 'the source was told');
  t.ok(body.given * 10_000 < bomb.length / 2, 'most of the bomb was never read');
});

t.test('an endless body without compression stops as well', async (t) => {
  const body = new Body(Buffer.alloc(1_000_000), 1000);
  await t.rejects(
    collect(decodeContent(body, 'identity', { sha256: 'a'.repeat(64), size: 5000 })),
    { code: 'digest' },
  );
  t.equal(body.given, 6);
  t.ok(body.ended);
});

t.test('what does not fit the descriptor is a digest error', async (t) => {
  const other = Buffer.from(text);
  other[5] = 0x58;
  const br = brotliCompressSync(text);
  const broken = Buffer.from(br);
  broken.fill(0xff, 4, 10);
  const rows: [
    why: string,
    bytes: Buffer,
    encoding: 'identity' | 'br',
    message: RegExp,
  ][] = [
    ['one byte changed', other, 'identity', /another digest/],
    ['one byte short', text.subarray(1), 'identity', /another length/],
    [
      'one byte long',
      Buffer.concat([text, text.subarray(0, 1)]),
      'identity',
      /another length/,
    ],
    ['another text in brotli', brotliCompressSync(other), 'br', /another digest/],
    ['brotli cut short', br.subarray(0, -3), 'br', /not valid brotli/],
    ['brotli cut to nothing', Buffer.alloc(0), 'br', /not valid brotli/],
    [
      'not brotli',
      Buffer.from('<!doctype html><html></html>'),
      'br',
      /not valid brotli|another/,
    ],
    ['brotli with broken bytes', broken, 'br', /not valid brotli|another/],
  ];
  for (const [why, bytes, encoding, message] of rows) {
    const work = collect(decodeContent(new Body(bytes), encoding, describe(text)));
    await t.rejects(work, { code: 'digest', message }, why);
  }
});

t.test('an error of the source comes out as it is', async (t) => {
  const lost = new QxError('network', 'the connection broke off');
  const br = brotliCompressSync(text);
  for (const encoding of ['br', 'identity'] as const) {
    const bytes = encoding === 'br' ? br : text;
    const body = new Body(bytes.subarray(0, bytes.length - 2), 10_000, lost);
    await t.rejects(collect(decodeContent(body, encoding, describe(text))), {
      code: 'network',
      message: lost.message,
    });
  }
});

t.test(
  'a reader that leaves early ends the source, and nothing is left unhandled',
  async (t) => {
    const bytes = noise(4_000_000);
    const br = brotliCompressSync(bytes, {
      params: { [constants.BROTLI_PARAM_QUALITY]: 1 },
    });
    const body = new Body(br, 1000);
    const pieces = decodeContent(body, 'br', describe(bytes));
    await pieces.next();
    for (let turn = 0; turn < 2000; turn += 1)
      await new Promise((resolve) => setImmediate(resolve));
    t.ok(
      body.given * 1000 < br.length / 2,
      `${body.given} pieces of ${br.length} bytes were read`,
    );
    await pieces.return();
  },
);

/** Bytes that no compressor shrinks. */
function noise(size: number): Buffer {
  const key = Buffer.alloc(16, 7);
  return createCipheriv('aes-128-ctr', key, key).update(Buffer.alloc(size));
}

async function settled(): Promise<void> {
  for (let turn = 0; turn < 20; turn += 1)
    await new Promise((resolve) => setImmediate(resolve));
}
