import type { IncomingMessage } from 'node:http';
import https from 'node:https';
import t from 'tap';
import { needs } from '../support/needs.ts';
import { makeSite, startServing } from '../support/serving.ts';

/** Readers of server-sent events: how many there may be, and that one who leaves is gone. */

t.test(
  'so many streams and no more, and a place is free when one is left',
  needs('curl', 'openssl'),
  async (t) => {
    const site = await makeSite(t);
    const { port, ask } = await startServing(t, site.host);
    const agent = new https.Agent({ rejectUnauthorized: false });
    t.teardown(() => agent.destroy());
    const open = (): Promise<IncomingMessage> =>
      new Promise((resolve, reject) => {
        const url = `https://localhost:${port}/api/v1/updates/events`;
        https.get(url, { agent }, resolve).on('error', reject);
      });
    const head = await ask('events', '--head');
    t.match(head, { status: 200, headers: { 'content-type': 'text/event-stream' } });
    const streams = await Promise.all(Array.from({ length: 64 }, open));
    t.ok(
      streams.every(({ statusCode }) => statusCode === 200),
      'a HEAD took none',
    );
    const refused = { status: 503, headers: { 'retry-after': '30' } };
    const full = await ask('events');
    t.match(full, { ...refused, value: { error: 'too_many_streams' } });
    t.match(await ask('vdc/events'), { ...refused, value: { code: 'too_many_streams' } });
    t.equal((await ask('status')).status, 200, 'polling goes on');
    streams[0]?.destroy();
    let again = await open();
    for (let tries = 0; again.statusCode !== 200 && tries < 50; tries += 1) {
      again.destroy();
      await new Promise((resolve) => setTimeout(resolve, 100));
      again = await open();
    }
    t.equal(again.statusCode, 200);
    for (const stream of [...streams, again]) stream.destroy();
  },
);
