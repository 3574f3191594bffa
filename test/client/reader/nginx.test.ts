import fs from 'node:fs';
import path from 'node:path';
import t, { type Test } from 'tap';
import { openSource } from '../../../client/reader/open-source.ts';
import type { BodyReply } from '../../../client/reader/source.ts';
import { needs } from '../../support/needs.ts';
import { startNginx } from '../../support/nginx.ts';
import { fastEffects, sourceSettings } from '../../support/web.ts';

async function bytesOf(reply: BodyReply | null): Promise<Buffer> {
  const pieces: Uint8Array[] = [];
  for await (const piece of reply?.body ?? []) pieces.push(piece);
  return Buffer.concat(pieces);
}

t.test(
  'nginx, with the configuration that users get',
  needs('nginx'),
  async (t: Test) => {
    const tree = t.testdir({
      root: { '1.json': '{"version":1}' },
      objects: { ab: {} },
    });
    const object = `objects/ab/ab${'0'.repeat(62)}`;
    const bytes = Buffer.alloc(3_000_000, 'quantix');
    fs.writeFileSync(path.join(tree, object), bytes);
    const nginx = await startNginx(t, tree);
    const source = openSource(fastEffects().effects, nginx.url, sourceSettings());

    t.test('answers 304 to a conditional request', async (t) => {
      const reply = await source.get('root/1.json', { maxBytes: 100 });
      t.match(reply, { status: 'found', contentType: /json/, etag: /"/ });
      const { etag, lastModified } = reply as { etag: string; lastModified: string };
      const again = { maxBytes: 100, conditional: { etag, lastModified } };
      t.same(await source.get('root/1.json', again), { status: 'unchanged' });
      fs.writeFileSync(path.join(tree, 'root/1.json'), '{"version":1 }');
      t.match(await source.get('root/1.json', again), { status: 'found' });
    });

    t.test('answers 404, which is missing', async (t) => {
      t.same(await source.get('root/2.json', { maxBytes: 100 }), { status: 'missing' });
      t.equal(await source.stream(`${object}0`, { from: 0 }), null);
      t.same(await source.get('objects/ab', { maxBytes: 100 }), { status: 'missing' });
    });

    t.test('resumes, although it would compress for a client that lets it', async (t) => {
      nginx.clearLog();
      const whole = await source.stream(object, { from: 0 });
      t.equal(whole?.total, bytes.length);
      t.ok((await bytesOf(whole)).equals(bytes));
      const etag = whole?.etag ?? '';
      const rest = await source.stream(object, { from: 2_000_000, etag });
      t.equal(rest?.start, 2_000_000);
      t.ok((await bytesOf(rest)).equals(bytes.subarray(2_000_000)));
      const end = await source.stream(object, { from: bytes.length, etag });
      t.equal(end?.start, bytes.length);
      t.equal((await bytesOf(end)).length, 0);
      const log = await nginx.requestsWhen((requests) => requests.length >= 3);
      t.same(
        log.map(({ status, range }) => [status, range]),
        [
          [200, undefined],
          [206, 'bytes=2000000-'],
          [416, 'bytes=3000000-'],
        ],
      );
    });

    t.test('sends everything when the file changed in between', async (t) => {
      const reply = await source.stream(object, { from: 2_000_000, etag: '"0-0"' });
      t.equal(reply?.start, 0);
      t.ok((await bytesOf(reply)).equals(bytes));
    });
  },
);
