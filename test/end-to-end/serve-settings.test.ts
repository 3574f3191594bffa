import fs from 'node:fs';
import path from 'node:path';
import t from 'tap';
import { needs } from '../support/needs.ts';
import {
  configureServe,
  makeSite,
  type Replied,
  startServing,
} from '../support/serving.ts';

/** PUT config: what may be changed from outside, by whom, and what a host would not survive. */

const PROGRAMS = ['curl', 'openssl'];
const JSON_BODY = ['-H', 'Content-Type: application/json'];
const NODE = '#!/bin/sh\necho qx-node\n';

t.test(
  'settings are changed by the token, when the host can live with them',
  needs(...PROGRAMS),
  async (t) => {
    const site = await makeSite(t);
    const { host } = site;
    await site.publish('1.0.0', { 'qx-node': NODE });
    await site.workspace.ok(['promote', 'quantix-os', 'stable', 'beta']);
    await site.publish('1.1.0', { 'qx-node': NODE });
    const other = await makeSite(t);
    await other.publish('9.0.0', { 'qx-node': NODE });
    configureServe(host, {});
    const file = host.path('/quantix/update.toml');
    fs.appendFileSync(file, '# by hand\n');
    const serving = await startServing(t, host);
    const put = (body: object | string, ...more: string[]): Promise<Replied> => {
      const text = typeof body === 'string' ? body : JSON.stringify(body);
      const auth = more.length > 0 ? more : ['-H', serving.token()];
      return serving.ask('config', '-X', 'PUT', ...JSON_BODY, ...auth, '-d', text);
    };

    await t.test('the answer is what counts from now on', async (t) => {
      t.match((await serving.ask('check')).value, { latestVersion: '1.1.0' });
      const changed = await put({ channel: 'beta', serverUrl: null });
      t.match(
        changed,
        { status: 200, value: { channel: 'beta', enabled: true } },
        changed.body,
      );
      t.match(fs.readFileSync(file, 'utf8'), /^channel = "beta"$[^]*# by hand/m);
      t.match((await serving.ask('version')).value, { channel: 'beta' });
      t.match((await serving.ask('check')).value, {
        available: true,
        channel: 'beta',
        latestVersion: '1.0.0',
      });
    });

    const text = fs.readFileSync(file, 'utf8');
    const refusals: [string, object | string, number, RegExp][] = [
      ['a channel that is not there', { channel: 'lab' }, 422, /no such channel/],
      [
        'a tree of somebody else',
        { serverUrl: `file://${other.workspace.public}`, channel: 'stable' },
        422,
        /signature|key/,
      ],
      [
        'a place where nothing is',
        { serverUrl: 'file:///nowhere' },
        422,
        /find no release there/,
      ],
      ['what is no URL', { serverUrl: 'javascript:1' }, 422, /url does not fit/],
      ['what is no channel', { channel: '../../etc' }, 400, /channel/],
      [
        'a folder that is not there',
        { storageLocation: 'volume', volumePath: '/mnt/none' },
        422,
        /no such folder/,
      ],
      ['a volume without a path', { storageLocation: 'volume' }, 400, /volumePath/],
      [
        'a field that is not known',
        { channel: 'beta', autoApply: true },
        400,
        /autoApply/,
      ],
      ['what is no JSON', '{"channel": "beta"', 400, /JSON/],
      ['a key twice', '{"channel": "beta", "channel": "lab"}', 400, /channel/],
      ['nothing', '', 400, /body/],
      ['a list', '[]', 400, /body/],
    ];
    for (const [what, body, status, reason] of refusals) {
      await t.test(`${what} is refused`, async (t) => {
        const reply = await put(body);
        t.equal(reply.status, status, reply.body);
        t.match(reply.body, reason);
        t.equal(fs.readFileSync(file, 'utf8'), text, 'and nothing is written');
      });
    }

    await t.test('what is installed is not left behind', async (t) => {
      fs.mkdirSync(host.path('/mnt/volume'), { recursive: true });
      t.equal((await host.run(['apply'])).status, 0);
      const reply = await put({ storageLocation: 'volume', volumePath: '/mnt/volume' });
      t.match(reply, {
        status: 422,
        value: { message: /installed lies in the storage/ },
      });
    });

    await t.test('nobody else changes them', async (t) => {
      const body = { channel: 'stable' };
      t.equal((await put(body, '-H', 'X-None: 1')).status, 401);
      const wrong = await put(body, '-H', 'Authorization: Bearer AAAA');
      t.match(wrong, { status: 401, value: { error: 'wrong_token' } });
      t.equal(wrong.headers['www-authenticate'], 'Bearer realm="qx-update"');
      t.equal((await put(body, '-H', 'Authorization: Basic AAAA')).status, 401);
      const form = await serving.ask(
        'config',
        '-X',
        'PUT',
        '-H',
        serving.token(),
        '-d',
        '{}',
      );
      t.equal(form.status, 415, 'a form is no JSON');
      const token = host.path('/data/updates/serve/token');
      fs.chmodSync(token, 0o644);
      t.match(await put(body), { status: 500, value: { message: /read by others/ } });
      fs.chmodSync(token, 0o600);
      fs.chmodSync(path.dirname(token), 0o777);
      t.match(await put(body), {
        status: 500,
        value: { message: /others could change/ },
      });
      t.equal(fs.readFileSync(file, 'utf8'), text);
    });
  },
);
