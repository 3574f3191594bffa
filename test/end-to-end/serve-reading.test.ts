import fs from 'node:fs';
import t, { type Test } from 'tap';
import { needs } from '../support/needs.ts';
import { askUntil, curl, makeSite, startServing } from '../support/serving.ts';

/** Each call that the older callers make to read, with the headers that they send. */

/** The host's own web UI. */
const UI = ['-H', 'Accept: application/json'];
/** The control plane, which is written in Go. */
const GO = ['-H', 'User-Agent: Go-http-client/1.1', '-H', 'Accept-Encoding: gzip'];
/** The vDC's dashboard, in a browser behind the same name. */
const DASHBOARD = ['-H', 'Accept: */*', '-H', 'Sec-Fetch-Site: same-origin'];
/** As a page posts that has nothing to say. */
const UI_POST = ['-H', 'Content-Type: application/json', '-H', 'Content-Length: 0'];

const NODE = '#!/bin/sh\necho qx-node\n';

/** What a caller reads of an answer: every field by its type, and no other. */
function shape(
  t: Test,
  value: unknown,
  fields: Record<string, string>,
  what: string,
): void {
  const found = Object.entries(value as object).map(([name, field]) => [
    name,
    Array.isArray(field) ? 'array' : field === null ? 'null' : typeof field,
  ]);
  t.same(Object.fromEntries(found), fields, what);
}

const CHECK = {
  available: 'boolean',
  currentVersion: 'string',
  latestVersion: 'string',
  channel: 'string',
  components: 'array',
  fullImageAvailable: 'boolean',
  totalDownloadSize: 'number',
};

t.test(
  'the web UI and the control plane read a host as they always did',
  needs('curl', 'openssl'),
  async (t) => {
    const site = await makeSite(t);
    await site.publish('1.0.0', { 'qx-node': NODE, 'qx-console': NODE });
    const { host } = site;
    host.configure({ check_interval: '5m' });
    await host.run(['apply']);
    await site.publish(
      '1.1.0',
      { 'qx-node': `${NODE}exit 0\n` },
      '--carry',
      '--notes',
      notes(site.dir),
    );
    const serving = await startServing(t, host);
    const { ask } = serving;

    const version = await ask('version', ...GO);
    shape(
      t,
      version.value,
      { currentVersion: 'string', channel: 'string', hostname: 'string' },
      'version',
    );
    t.match(version.value, { currentVersion: '1.0.0', channel: 'stable' });

    const before = await ask('status', ...UI);
    t.same(before.value, { status: 'complete', message: 'updated to version 1.0.0' });

    const check = await ask('check', ...GO);
    t.equal(check.status, 200);
    t.equal(check.headers['content-type'], 'application/json');
    shape(t, check.value, { ...CHECK, releaseNotes: 'string' }, 'check');
    t.match(check.value, {
      available: true,
      currentVersion: '1.0.0',
      latestVersion: '1.1.0',
      channel: 'stable',
      releaseNotes: /^Faster/,
      fullImageAvailable: false,
    });
    const components = check.value.components as Record<string, unknown>[];
    t.match(components, [
      { name: 'qx-node', currentVersion: '1.0.0', newVersion: '1.1.0' },
    ]);
    t.equal(components.length, 1, 'what is carried over is no news');
    t.equal(components[0]?.sizeBytes, check.value.totalDownloadSize);

    t.same((await ask('status', ...UI)).value, {
      status: 'available',
      message: 'version 1.1.0 is available',
    });
    t.same((await ask('current', ...UI)).value, {
      osVersion: '1.0.0',
      qxNode: '1.0.0',
      qxConsole: '1.0.0',
    });
    t.same((await ask('config', ...UI)).value, {
      enabled: true,
      serverUrl: `file://${site.workspace.public}`,
      channel: 'stable',
      checkInterval: '5m',
      autoApply: false,
      storageLocation: 'local',
    });
    const { volumes } = (await ask('volumes', ...UI)).value;
    const [volume] = volumes as Record<string, unknown>[];
    t.match(volume, { path: '/data/components', poolId: 'system', isMounted: true });
    shape(
      t,
      volume,
      {
        path: 'string',
        name: 'string',
        poolId: 'string',
        totalBytes: 'number',
        availableBytes: 'number',
        isMounted: 'boolean',
      },
      'volume',
    );
    t.ok(Number(volume?.totalBytes) >= Number(volume?.availableBytes));

    await t.test('a hold and a storage of its own are told', async (t) => {
      await host.run(['hold']);
      host.configure({ storage: '/data/volume' });
      const { value } = await askUntil(
        () => ask('config', ...UI),
        (reply) => reply.value.storageLocation === 'volume',
      );
      t.match(value, { enabled: false, volumePath: '/data/volume' });
    });
  },
);

function notes(dir: string): string {
  const file = `${dir}/notes.md`;
  fs.writeFileSync(file, 'Faster, and smaller.\n');
  return file;
}

t.test(
  'the dashboard and the documented calls read a vDC as they always did',
  needs('curl', 'openssl'),
  async (t) => {
    const site = await makeSite(t, { product: 'quantix-vdc' });
    await site.publish('2.0.0', { controlplane: NODE });
    const serving = await startServing(t, site.host, '--style', 'vdc');
    const { ask } = serving;
    t.same((await ask('vdc/status', ...DASHBOARD)).value, {
      status: 'idle',
      current_version: 'unknown',
    });
    for (const words of [DASHBOARD, ['-X', 'POST', ...DASHBOARD]]) {
      const check = await ask('vdc/check', ...words);
      t.equal(check.status, 200);
      t.match(check.value, {
        status: 'available',
        current_version: 'unknown',
        available_version: '2.0.0',
        manifest: {
          product: 'quantix-vdc',
          version: '2.0.0',
          channel: 'stable',
          update_type: 'component',
          min_version: '',
          release_notes: '',
          components: [
            {
              name: 'controlplane',
              version: '2.0.0',
              install_path: '/usr/bin/qx-controlplane',
              restart_service: 'quantix-controlplane',
              size_bytes: NODE.length,
            },
          ],
        },
      });
    }
    const status = await ask('vdc/status', ...DASHBOARD);
    t.match(status.value, {
      status: 'available',
      available_version: '2.0.0',
      last_check: /^20\d\d-.*Z$/,
      manifest: { version: '2.0.0' },
    });
    t.same(
      (await ask('status')).value,
      status.value,
      '--style is for the paths without /vdc/',
    );
    const applied = await ask('vdc/apply', '-X', 'POST', ...DASHBOARD, ...UI_POST);
    t.equal(applied.status, 200);
    shape(t, applied.value, { status: 'string', message: 'string' }, 'vdc/apply');
    t.equal(applied.value.status, 'applying');
    const after = await askUntil(
      () => ask('vdc/status', ...DASHBOARD),
      ({ value }) => value.current_version === '2.0.0' && value.status === 'idle',
    );
    t.notOk('manifest' in after.value, 'nothing waits any more');
    // As documented, to the letter.
    const documented = await curl([
      '-k',
      `https://localhost:${serving.port}/api/v1/updates/vdc/check`,
    ]);
    t.same(documented.value, {
      status: 'idle',
      current_version: '2.0.0',
      available_version: '',
      manifest: null,
    });
  },
);

t.test(
  'what a hypervisor host is asked, a vDC answers too',
  needs('curl', 'openssl'),
  async (t) => {
    const site = await makeSite(t, { product: 'quantix-vdc' });
    await site.publish('2.0.0', { controlplane: NODE });
    const { ask, token } = await startServing(t, site.host);
    t.match((await ask('check', ...GO)).value, {
      available: true,
      latestVersion: '2.0.0',
      components: [{ name: 'controlplane', newVersion: '2.0.0' }],
    });
    t.match((await ask('apply', '-X', 'POST', ...UI_POST)).value, {
      status: /^(?:started|success)$/,
      message: String,
    });
    await askUntil(
      () => ask('status', ...UI),
      ({ value }) => value.status === 'complete',
    );
    t.same((await ask('current', ...UI)).value, { osVersion: '2.0.0' });
    t.match((await ask('version', ...GO)).value, { currentVersion: '2.0.0' });
    const config = await ask('config', ...UI);
    t.match(config.value, { channel: 'stable', storageLocation: 'local' });
    const put = ['-X', 'PUT', '-H', token(), '-H', 'Content-Type: application/json'];
    const kept = await ask('config', ...put, '-d', '{"channel": "stable"}');
    t.same([kept.status, kept.value], [200, config.value]);
    t.match((await ask('volumes', ...UI)).value.volumes, [
      { path: '/var/lib/quantix-vdc/components' },
    ]);
    const reset = await ask('reset', '-X', 'POST', '-H', token(), ...UI_POST);
    t.match(reset.value, { success: true, previousStatus: 'complete' });
  },
);

t.test(
  'where nothing can be looked up, each caller gets an error in its own words',
  needs('curl', 'openssl'),
  async (t) => {
    const site = await makeSite(t, { url: 'file:///nowhere' });
    const { ask } = await startServing(t, site.host);
    const check = await ask('check', ...GO);
    t.equal(check.status, 503);
    t.match(check.value, { error: 'update_check_failed', message: /^failed to check/ });
    t.match((await ask('status', ...UI)).value, { status: 'error', message: /no such/ });
    t.match((await ask('version', ...GO)).value, { currentVersion: 'unknown' });
    const vdc = await ask('vdc/check', ...DASHBOARD);
    t.equal(vdc.status, 500);
    t.match(vdc.value, { error: /^failed to check/ });
    t.match((await ask('vdc/status')).value, { status: 'error', error: /no such/ });
  },
);

t.test(
  'a release that is not for this host yet is none that is available',
  needs('curl', 'openssl'),
  async (t) => {
    const site = await makeSite(t);
    await site.publish('1.0.0', { 'qx-node': NODE });
    const pointer = `${site.workspace.public}/channels/quantix-os/stable.json`;
    const paused = {
      ...(JSON.parse(fs.readFileSync(pointer, 'utf8')) as object),
      paused: true,
    };
    fs.writeFileSync(pointer, JSON.stringify(paused));
    await site.workspace.ok(['sign']);
    const { ask } = await startServing(t, site.host);
    const check = await ask('check');
    t.match(check, { status: 200, value: { available: false, message: /^not now: / } });
    t.match((await ask('status')).value, { status: 'idle', message: /^not now: / });
    t.match((await ask('vdc/check')).value, { status: 'idle', available_version: '' });
  },
);
