import fs from 'node:fs';
import t, { type Test } from 'tap';
import { memoryFolder } from '../support/memory.ts';
import { needs } from '../support/needs.ts';
import { start } from '../support/process.ts';
import {
  configureServe,
  makeSite,
  type Serving,
  startServing,
} from '../support/serving.ts';
import { serve } from '../support/web.ts';

/** A page in a real browser asks a host of another origin, as the web UI does that is pointed at another host. */

/** Reads, starts, polls and listens; tells the test's own server what it saw. */
const PAGE = `<!doctype html><title>updates</title><script type="module">
const { api, token } = Object.fromEntries(new URLSearchParams(location.hash.slice(1)));
const headers = { Accept: 'application/json', 'Content-Type': 'application/json' };
const auth = token ? { Authorization: 'Bearer ' + token } : {};
const told = { statuses: [], events: [] };
const tell = () => fetch('/told', { method: 'POST', body: JSON.stringify(told) });
const pause = () => new Promise((done) => setTimeout(done, 200));
try {
  const events = new EventSource(api + '/events');
  events.addEventListener('status', ({ data }) => told.events.push(JSON.parse(data).status));
  told.check = await (await fetch(api + '/check', { headers: { Accept: headers.Accept } })).json();
  const applied = await fetch(api + '/apply', { method: 'POST', headers: { ...headers, ...auth } });
  told.apply = await applied.json();
  for (let tries = 0; tries < 100; tries += 1) {
    const { status } = await (await fetch(api + '/status', { headers })).json();
    told.statuses.push(status);
    if (/complete|error|available/.test(status)) break;
    await pause();
  }
  while (told.events.at(-1) !== told.statuses.at(-1)) await pause();
  events.close();
} catch (error) {
  told.error = String(error);
  // What a page can send without asking: a form's kind of request, whose answer it does not see.
  await fetch(api + '/apply', { method: 'POST', mode: 'no-cors', body: '{}' }).catch(() => 0);
}
await tell();
</script>`;

/** Of a profile that sees one page. */
const PROFILE_BYTES = 300_000_000;

interface Told {
  check?: { available: boolean };
  apply?: { status: string };
  statuses: string[];
  events: string[];
  error?: string;
}

/** The page's own server; `told` is what a page has said. */
async function servePage(t: Test): Promise<{ port: number; told: () => Promise<Told> }> {
  let tell: (told: Told) => void = () => undefined;
  const { port } = await serve(t, (request, response) => {
    let body = '';
    request.on('data', (piece: Buffer) => (body += piece.toString()));
    request.on('end', () => {
      if (request.method === 'POST') tell(JSON.parse(body) as Told);
      response.setHeader('content-type', 'text/html').end(PAGE);
    });
  });
  const told = (): Promise<Told> => new Promise((resolve) => (tell = resolve));
  return { port, told };
}

/** Chromium with nothing but this page; ends with what it has told. */
async function browse(t: Test, url: string, told: Promise<Told>): Promise<Told> {
  const profile = memoryFolder(t, PROFILE_BYTES);
  const words = [
    '--headless=new',
    '--no-sandbox',
    '--disable-gpu',
    '--disable-dev-shm-usage',
    '--no-first-run',
    '--disable-background-networking',
    '--ignore-certificate-errors',
    `--user-data-dir=${profile}`,
    url,
  ];
  // It writes below HOME as well.
  const browser = start('chromium', words, { env: { HOME: profile } });
  const early = browser.ended.then(({ stderr }) => {
    throw new Error(`the browser ended before the page did: ${stderr}`);
  });
  try {
    return await Promise.race([told, early]);
  } finally {
    browser.child.kill('SIGTERM');
    await browser.ended;
    await early.catch(() => undefined);
  }
}

t.test(
  'a page that is named updates a host by the token, and one that is not learns nothing',
  needs('chromium', 'openssl'),
  async (t) => {
    const site = await makeSite(t);
    await site.publish('1.0.0', { 'qx-node': '#!/bin/sh\necho qx-node\n' });
    const page = await servePage(t);
    configureServe(site.host, { allowed_origins: [`http://localhost:${page.port}`] });
    const serving = await startServing(t, site.host);
    const look = (name: string): Promise<Told> =>
      browse(t, `http://${name}:${page.port}/#${hashOf(serving)}`, page.told());

    const stranger = await look('127.0.0.1');
    t.match(stranger.error, /Failed to fetch/);
    t.same(stranger.statuses, []);
    t.notOk(
      fs.existsSync(site.host.path('/data/bin/qx-node')),
      'and nothing was installed',
    );

    const friend = await look('localhost');
    t.equal(friend.error, undefined);
    t.match(friend, {
      check: { available: true },
      apply: { status: /^(?:started|success)$/ },
    });
    t.equal(friend.statuses.at(-1), 'complete');
    t.equal(friend.events.at(-1), 'complete');
    t.ok(fs.existsSync(site.host.path('/data/bin/qx-node')));
  },
);

function hashOf(serving: Serving): string {
  const api = `https://localhost:${serving.port}/api/v1/updates`;
  const token = serving.token().split(' ').at(-1) ?? '';
  return new URLSearchParams({ api, token }).toString();
}
