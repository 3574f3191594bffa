import { spawn } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import t, { type Test } from 'tap';
import type { Manifest } from '../../client/format/manifest.ts';
import { type Forge, sha256 } from '../support/forge.ts';
import { needsMounts } from '../support/needs.ts';
import { mountOverlay } from '../support/overlay.ts';
import type { Host } from '../support/sandbox.ts';
import { sleeper } from '../support/services/services.ts';
import { snapshot } from '../support/snapshot.ts';
import { archive, file } from '../support/tar.ts';
import { world } from '../support/three-components.ts';

/** The first install over everything that an appliance may come with, and the way back to it. */

type Component = Manifest['components'][number];

/** By component name, which is the last part of its install path. */
const PLACES = {
  plain: '/data/bin/plain',
  running: '/data/bin/running',
  link: '/data/bin/link',
  nothing: '/data/bin/nothing',
  folder: '/data/share/folder',
  'folder-link': '/data/share/folder-link',
};

type Name = keyof typeof PLACES;
const NAMES = Object.keys(PLACES) as Name[];

function bake(dir: string): void {
  const at = (place: string): string => path.join(dir, place);
  for (const folder of ['data/bin', 'data/share/folder/inner', 'opt/elsewhere'])
    fs.mkdirSync(at(folder), { recursive: true });
  fs.writeFileSync(at(PLACES.plain), 'as baked', { mode: 0o640 });
  fs.writeFileSync(at(PLACES.running), sleeper('baked'), { mode: 0o755 });
  fs.writeFileSync(at('opt/tool'), 'a tool', { mode: 0o755 });
  fs.symlinkSync('../../opt/tool', at(PLACES.link));
  fs.writeFileSync(at('data/share/folder/inner/page'), 'a page');
  fs.symlinkSync('inner/page', at('data/share/folder/start'));
  fs.chmodSync(at(PLACES.folder), 0o750);
  fs.writeFileSync(at('opt/elsewhere/page'), 'a page elsewhere');
  fs.symlinkSync('../../opt/elsewhere', at(PLACES['folder-link']));
}

function release(forge: Forge, version: string, serial: number, names = NAMES): void {
  const components = names.map((name): Component => {
    const folder = name.startsWith('folder');
    const text = `${name} ${version}`;
    const content = folder ? archive(file('page', text.length), text) : sleeper(text);
    return {
      name,
      version,
      kind: folder ? 'directory' : 'file',
      install_path: PLACES[name],
      permissions: '0755',
      content: { sha256: sha256(content), size: content.length },
      sources: [forge.object(content)],
    };
  });
  forge.release({ version, serial, manifest: { release: serial, components } });
}

/** What a program finds at the install paths, links followed. */
function found(host: Host): Record<string, unknown> {
  return Object.fromEntries(
    NAMES.map((name): [string, unknown] => {
      const place = host.path(PLACES[name]);
      if (!fs.existsSync(place)) return [name, 'nothing'];
      const real = fs.realpathSync(place);
      const mode = fs.statSync(real).mode.toString(8);
      const holds = fs.statSync(real).isDirectory()
        ? snapshot(real)
        : sha256(fs.readFileSync(real));
      return [name, { mode, holds }];
    }),
  );
}

interface Scene {
  forge: Forge;
  host: Host;
  baked: Record<string, unknown>;
  ok: (...words: string[]) => Promise<string>;
}

/** A host that came with all of it, on a file system of the kind that is asked for. */
function scene(t: Test, { overlay = false, prepare = bake, keep = 3 }): Scene {
  const { dir, forge, host: make } = world(t);
  const at = path.join(dir, 'host');
  const image = overlay ? path.join(dir, 'image') : at;
  fs.mkdirSync(image);
  prepare(image);
  if (overlay) t.teardown(mountOverlay(image, at));
  const host = make(at);
  const keys = { allow_paths: ['/data/bin/', '/data/share/'], auto_apply: true, keep };
  host.configure({ url: `file://${forge.dir}`, ...keys });
  const ok = async (...words: string[]): Promise<string> => {
    const { status, stdout, stderr } = await host.run(words);
    if (status !== 0) t.fail(`${words.join(' ')} ends with ${status}: ${stderr}`);
    return stdout;
  };
  return { forge, host, baked: found(host), ok };
}

for (const overlay of [false, true]) {
  const where = overlay ? 'the lower layer of an overlay' : 'one file system';
  const options = overlay ? needsMounts() : {};
  t.test(`what stood on ${where} comes back`, options, async (t) => {
    const { forge, host, baked, ok } = scene(t, { overlay });
    t.match(baked, { nothing: 'nothing', running: { mode: '100755' } });
    const runs = spawn(host.path(PLACES.running), ['1000d'], { stdio: 'ignore' });
    t.teardown(() => runs.kill('SIGKILL'));
    release(forge, '1.0.0', 1);
    await ok('run');
    const first = found(host);
    for (const name of NAMES) t.notSame(first[name], baked[name], `${name} is installed`);
    const exe = fs.readFileSync(`/proc/${runs.pid}/exe`);
    t.equal(sha256(exe), sha256(sleeper('baked')), 'a running program is not touched');
    release(forge, '1.1.0', 2);
    await ok('run');
    release(forge, '1.2.0', 3);
    await ok('run');
    await ok('rollback', '--to', 'baked');
    t.same(found(host), baked);
    t.match(await ok('current'), /as the appliance came/);
    await ok('rollback', '--to', '1.1.0');
    t.notSame(found(host), baked, 'and forth');
    await ok('verify');
    await ok('rollback', '--to', 'baked');
    t.same(found(host), baked, 'and back again');
  });
}

t.test('where nothing stood at all, nothing comes back', async (t) => {
  const { forge, host, baked, ok } = scene(t, { prepare: () => undefined });
  release(forge, '1.0.0', 1);
  await ok('run');
  t.notSame(found(host), baked);
  await ok('rollback', '--to', 'baked', '--dry-run');
  t.notSame(found(host), baked, 'only said');
  await ok('rollback', '--to', 'baked');
  t.same(found(host), baked);
  t.equal((await host.run(['rollback', '--to', 'baked'])).status, 2, 'it is there');
});

for (const keep of [1, 3]) {
  t.test(
    `what a later release takes over comes back as well, keep ${keep}`,
    async (t) => {
      const { forge, host, baked, ok } = scene(t, { keep });
      release(forge, '1.0.0', 1, ['plain']);
      await ok('run');
      release(forge, '1.1.0', 2);
      await ok('run');
      await ok('rollback', '--to', '1.0.0');
      const { plain, ...others } = found(host);
      const { plain: bakedPlain, ...bakedOthers } = baked;
      t.notSame(plain, bakedPlain, 'what 1.0.0 brought');
      t.same(others, bakedOthers, 'and beside it what stood there then');
      await ok('rollback', '--to', 'baked');
      t.same(found(host), baked);
    },
  );
}
