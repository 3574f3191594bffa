import fs from 'node:fs';
import path from 'node:path';
import t, { type Test } from 'tap';
import { needs } from '../support/needs.ts';
import { type Nginx, startNginx } from '../support/nginx.ts';
import { type OlderHost, getJson, updateAsOlderClient } from '../support/older-client.ts';
import { run } from '../support/process.ts';
import { type Workspace, makeWorkspace } from '../support/sandbox.ts';
import { ROOT } from '../support/setup.mjs';
import { squashfs } from '../support/slot-image.ts';
import { snapshot } from '../support/snapshot.ts';

/** A real binary and a real web folder, and what a control plane consists of. */
const NODE = path.join(ROOT, 'node_modules/esbuild/bin/esbuild');
const UI = path.join(ROOT, 'node_modules/swagger-ui-new');
const UI_BEFORE = path.join(ROOT, 'node_modules/swagger-ui-old');

interface Site {
  dir: string;
  workspace: Workspace;
  nginx: Nginx;
  /** The base URL as server_url says it: without a slash. */
  server: string;
  publish(): Promise<void>;
}

async function makeSite(t: Test): Promise<Site> {
  const dir = t.testdir({ served: {} });
  const workspace = await makeWorkspace(path.join(dir, 'workspace'));
  const config = path.join(workspace.dir, 'quantix-repo.toml');
  const text = fs.readFileSync(config, 'utf8');
  fs.writeFileSync(config, text.replace('# older_api = true', 'older_api = true'));
  const nginx = await startNginx(t, path.join(dir, 'served'));
  const script = path.join(ROOT, 'repo-template/scripts/publish-copy.sh');
  const publish = async (): Promise<void> => {
    const { status, stderr } = await run('sh', [script, path.join(dir, 'served')], {
      cwd: workspace.dir,
    });
    if (status !== 0) throw new Error(stderr);
  };
  return { dir, workspace, nginx, server: nginx.url.replace(/\/$/, ''), publish };
}

function host(site: Site, name: string, more: Partial<OlderHost>): OlderHost {
  const dir = path.join(site.dir, name);
  fs.mkdirSync(dir);
  const plain = { server_url: site.server, channel: 'stable' } as const;
  return { dir, product: 'quantix-os', ...plain, ...more };
}

function generate(
  { workspace }: Site,
  product: string,
  version: string,
  channel: string,
  components: Record<string, string>,
  more: string[] = [],
): Promise<unknown> {
  const named = Object.entries(components).flatMap(([name, file]) => [
    '--component',
    `${name}=${file}`,
  ]);
  const args = ['--product', product, '--version', version, '--channel', channel];
  return workspace.ok(['generate', ...args, '--fast', ...named, ...more]);
}

t.test(
  'a hypervisor host with the older client updates twice, and has what was published',
  needs('nginx', 'busybox'),
  async (t) => {
    const site = await makeSite(t);
    const older = host(site, 'host', {});
    await generate(site, 'quantix-os', '1.0.0', 'dev', {
      'qx-node': NODE,
      'host-ui': UI_BEFORE,
    });
    await site.workspace.ok(['promote', 'quantix-os', 'dev', 'stable']);
    await site.publish();
    const first = await updateAsOlderClient(older);
    t.match(first.manifest, {
      product: 'quantix-os',
      version: '1.0.0',
      channel: 'stable',
    });
    t.same(first.restarts, ['quantix-node']);
    const ui = path.join(older.dir, 'data/share/quantix-host-ui');
    t.same(snapshot(ui), snapshot(UI_BEFORE));

    fs.rmSync(ui, { recursive: true });
    await generate(site, 'quantix-os', '1.1.0', 'stable', { 'host-ui': UI }, ['--carry']);
    await site.publish();
    const second = await updateAsOlderClient({ ...older, resumeFrom: 50_000 });
    t.equal(second.manifest.version, '1.1.0');
    t.same(snapshot(ui), snapshot(UI));
    const node = path.join(older.dir, 'data/bin/qx-node');
    t.ok(fs.readFileSync(node).equals(fs.readFileSync(NODE)), 'byte for byte');
    t.equal(fs.statSync(node).mode & 0o777, 0o755);
    const asked = site.nginx.requests().map(({ path }) => path);
    t.equal(asked[0], '/api/v1/quantix-os/channels/stable/manifest.json');
    t.match(site.nginx.requests().at(-1), { status: 206, range: 'bytes=50000-' });
  },
);

t.test(
  'a control plane with the older client updates, and its database is migrated',
  needs('nginx', 'busybox'),
  async (t) => {
    const site = await makeSite(t);
    const migrations = path.join(site.dir, 'migrations');
    fs.mkdirSync(path.join(migrations, 'migrations'), { recursive: true });
    fs.writeFileSync(path.join(migrations, 'quantix-migrate'), '#!/bin/sh\n', {
      mode: 0o755,
    });
    fs.writeFileSync(path.join(migrations, 'migrations/1_up.sql'), 'select 1;\n');
    const components = { migrations, controlplane: NODE, dashboard: UI };
    await generate(site, 'quantix-vdc', '2.0.0', 'dev', components);
    await site.publish();
    const older = host(site, 'vdc', { product: 'quantix-vdc', channel: 'dev' });
    const { manifest, restarts } = await updateAsOlderClient(older);
    t.same(
      manifest.components.map(({ name, requires_db_migration }) => [
        name,
        requires_db_migration,
      ]),
      [
        ['migrations', true],
        ['dashboard', undefined],
        ['controlplane', undefined],
      ],
      'in the order of their installation',
    );
    t.same(restarts, ['quantix-controlplane']);
    const installed = (name: string): string => path.join(older.dir, name);
    t.same(snapshot(installed('usr/share/quantix-vdc/migrations')), snapshot(migrations));
    t.same(snapshot(installed('usr/share/quantix-vdc/dashboard')), snapshot(UI));
    const program = fs.readFileSync(installed('usr/bin/qx-controlplane'));
    t.ok(program.equals(fs.readFileSync(NODE)));
  },
);

t.test('every answer has the fields of the older server', needs('nginx'), async (t) => {
  const site = await makeSite(t);
  const issued = ['--issued', new Date().toISOString().replace(/\.\d+Z/, 'Z')];
  const image = path.join(site.dir, 'image');
  fs.writeFileSync(image, squashfs());
  const notes = path.join(site.dir, 'notes');
  fs.writeFileSync(notes, 'Faster.');
  const more = ['--image', image, '--notes', notes, '--min-version', '0.9.0', ...issued];
  const tool = path.join(site.dir, 'tool');
  fs.mkdirSync(tool);
  const path_ = ['--install-path', 'tools=/data/tools'];
  const components = { 'qx-node': NODE, tools: tool };
  await generate(site, 'quantix-os', '1.0.0', 'dev', components, [...more, ...path_]);
  await site.workspace.ok(['point', 'quantix-os', 'lab', '1.0.0', ...issued]);
  await site.publish();
  const get = <T>(name: string): Promise<T> => getJson<T>(site.server + name);

  t.same(await get('/health'), { status: 'healthy', timestamp: issued[1] });
  const channels = await get<{ name: string; description: string }[]>('/api/v1/channels');
  t.same(
    channels.map(({ name }) => name),
    ['dev', 'beta', 'stable', 'lab'],
  );
  t.ok(channels.every((each) => Object.keys(each).join() === 'name,description'));

  const manifest = await get<Record<string, unknown>>(
    '/api/v1/quantix-os/manifest?channel=lab',
  );
  const { release_date } = manifest as { release_date: string };
  const { components: listed, full_image, ...head } = manifest;
  t.same(head, {
    product: 'quantix-os',
    version: '1.0.0',
    channel: 'lab',
    release_date,
    update_type: 'full',
    min_version: '0.9.0',
    release_notes: 'Faster.',
  });
  t.match(listed, [
    {
      name: 'tools',
      version: '1.0.0',
      artifact: 'tools.tar.gz',
      sha256: /^[0-9a-f]{64}$/,
      size_bytes: Number,
      install_path: '/data/tools/',
      restart_service: null,
      backup_before_update: true,
      permissions: '0755',
    },
    {
      name: 'qx-node',
      artifact: 'qx-node.tar.gz',
      install_path: '/data/bin/qx-node',
      restart_service: 'quantix-node',
      permissions: '0755',
    },
  ]);
  const fields =
    'name,version,artifact,sha256,size_bytes,install_path,restart_service,backup_before_update,permissions';
  for (const each of listed as object[]) t.equal(Object.keys(each).join(), fields);
  t.same(Object.keys(full_image as object), [
    'artifact',
    'sha256',
    'size_bytes',
    'requires_reboot',
    'target_slot',
  ]);
  const system = await fetch(
    `${site.server}/api/v1/quantix-os/releases/1.0.0/system.squashfs?channel=lab`,
  );
  t.ok(Buffer.from(await system.arrayBuffer()).equals(fs.readFileSync(image)));

  const row = { version: '1.0.0', release_date, update_type: 'full' };
  const inDev = { ...row, channel: 'dev' };
  const inLab = { ...row, channel: 'lab' };
  const releases = '/api/v1/quantix-os/releases';
  t.same(await get(releases), [inDev, inLab]);
  t.same(await get(`${releases}/`), [inDev, inLab]);
  t.same(await get(`${releases}?channel=lab`), [inLab]);
  t.same(await get(`${releases}?channel=stable`), [], 'an empty list, never null');
  const named = async (query: string): Promise<string> =>
    (await get<{ channel: string }>(`/api/v1/quantix-os/${query}`)).channel;
  t.equal(await named('manifest'), 'dev', 'the default of the older server');
  t.equal(await named('releases/1.0.0/manifest'), 'dev');
  t.equal(await named('releases/1.0.0/manifest?channel=lab'), 'lab');
});

t.test('what ?channel= may not name is not there', needs('nginx'), async (t) => {
  const site = await makeSite(t);
  await generate(site, 'quantix-os', '1.0.0', 'dev', { 'qx-node': NODE });
  await site.publish();
  fs.writeFileSync(path.join(site.dir, 'manifest.json'), 'outside');
  fs.writeFileSync(
    path.join(site.dir, 'served/api/v1/quantix-os/manifest.json'),
    'outside',
  );
  const base = `${site.server}/api/v1/quantix-os`;
  const asked: [string, number][] = [
    ['manifest?channel=dev', 200],
    ['manifest?channel=beta', 404],
    ['manifest?channel=..', 404],
    ['manifest?channel=../../..', 404],
    ['manifest?channel=../../../../..', 404],
    ['manifest?channel=%2e%2e', 404],
    ['releases?channel=..', 404],
    ['releases?channel=none', 404],
    ['releases/1.0.0/manifest?channel=../dev', 200],
    ['releases/9.9.9/manifest', 404],
    ['releases/1.0.0/none.tar.gz?channel=dev', 404],
  ];
  for (const [name, status] of asked) {
    const reply = await fetch(`${base}/${name}`);
    t.equal(reply.status, status, name);
    if (status === 404) continue;
    t.equal(reply.headers.get('content-type'), 'application/json', name);
    t.equal(reply.headers.get('access-control-allow-origin'), '*');
    t.equal(reply.headers.get('cache-control'), 'no-cache');
  }
});
