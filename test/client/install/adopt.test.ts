import { spawnSync } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import t, { type Test } from 'tap';
import { nodeFiles } from '../../../client/effects/files.ts';
import type { Files } from '../../../client/effects/effects.ts';
import {
  type InstallPath,
  linkTarget,
  putLink,
  setAside,
  standing,
  tidyUp,
} from '../../../client/install/adopt.ts';
import { layoutOf } from '../../../client/install/layout.ts';
import { snapshot } from '../../support/snapshot.ts';
import { refusalOf } from '../../support/web.ts';

const files = nodeFiles();

/** A sandbox with a components folder, and the install path /data/bin/tool in it. */
function host(t: Test) {
  const root = t.testdir({ data: { components: { current: {} }, bin: {} } });
  const layout = layoutOf(path.join(root, 'data/components'));
  const real = path.join(root, 'data/bin/tool');
  const place: InstallPath = { name: 'tool', path: '/data/bin/tool', real };
  return { root, layout, place, real };
}

const LINK = '../components/current/tool';

t.test(
  'the link is relative, so that it holds below --root as on the appliance',
  async (t) => {
    const { root, layout, place } = host(t);
    t.equal(await linkTarget(files, layout, place), LINK);
    const deep = { ...place, real: path.join(root, 'usr/share/not/yet/tool') };
    t.equal(
      await linkTarget(files, layout, deep),
      '../../../../data/components/current/tool',
      'though its folder is not there yet',
    );
  },
);

t.test(
  'the link leads to the right place through a folder that is itself a link',
  async (t) => {
    const { root, layout } = host(t);
    fs.mkdirSync(path.join(root, 'mnt/deep/bin'), { recursive: true });
    fs.symlinkSync('../mnt/deep/bin', path.join(root, 'data/linked'));
    const real = path.join(root, 'data/linked/tool');
    const place = { name: 'tool', path: '/data/linked/tool', real };
    await putLink(files, layout, place);
    fs.writeFileSync(path.join(layout.current, 'tool'), 'through');
    t.equal(fs.readFileSync(real, 'utf8'), 'through');
  },
);

t.test('what stands at an install path', async (t) => {
  const { layout, place, real } = host(t);
  const found = () => standing(files, layout, place);
  t.equal(await found(), 'nothing');
  fs.symlinkSync(LINK, real);
  t.equal(await found(), 'ours', 'though it leads nowhere yet');
  fs.rmSync(real);
  fs.symlinkSync('/usr/bin/tool', real);
  t.equal(await found(), 'foreign', 'a link to elsewhere');
  fs.rmSync(real);
  fs.writeFileSync(real, 'x');
  t.equal(await found(), 'foreign', 'a file');
  fs.rmSync(real);
  fs.mkdirSync(real);
  t.equal(await found(), 'foreign', 'a folder');
  fs.rmdirSync(real);
  spawnSync('mkfifo', [real]);
  const error = await refusalOf(found());
  t.match(error, { code: 'disk', where: real });
});

t.test('putting the link over nothing, a file, a link and a folder', async (t) => {
  for (const make of [
    (): void => undefined,
    (real: string) => fs.writeFileSync(real, 'old'),
    (real: string) => fs.symlinkSync('/nowhere', real),
    (real: string) => fs.mkdirSync(path.join(real, 'sub/folder'), { recursive: true }),
  ]) {
    const { layout, place, real } = host(t);
    make(real);
    await putLink(files, layout, place);
    t.equal(fs.readlinkSync(real), LINK);
    t.same(fs.readdirSync(path.dirname(real)), ['tool'], 'nothing is left beside it');
  }
});

t.test('the folder of an install path is made', async (t) => {
  const { root, layout, place } = host(t);
  const real = path.join(root, 'opt/new/tool');
  await putLink(files, layout, { ...place, real });
  t.ok(fs.lstatSync(real).isSymbolicLink());
});

t.test('a file is set aside with its mode, and stays where it is', async (t) => {
  const { layout, place, real } = host(t);
  fs.writeFileSync(real, 'old');
  fs.chmodSync(real, 0o750);
  const entry = await setAside(files, layout, 3, place);
  t.same(entry, {
    name: 'tool',
    install_path: '/data/bin/tool',
    target: '../../baked/3/tool',
  });
  t.same(snapshot(`${layout.baked}/3`), { tool: snapshot(path.dirname(real)).tool });
});

t.test('a folder is set aside as it is: modes, links and all', async (t) => {
  const { layout, place, real } = host(t);
  fs.mkdirSync(path.join(real, 'sub'), { recursive: true });
  fs.writeFileSync(path.join(real, 'sub/script'), 'x');
  fs.chmodSync(path.join(real, 'sub/script'), 0o700);
  fs.chmodSync(path.join(real, 'sub'), 0o711);
  fs.symlinkSync('sub/script', path.join(real, 'inside'));
  fs.symlinkSync('/etc/hostname', path.join(real, 'outside'));
  fs.mkdirSync(path.join(real, 'empty'));
  await setAside(files, layout, 1, place);
  t.same(snapshot(`${layout.baked}/1/tool`), snapshot(real));
});

t.test('a relative link that is set aside still leads to the same file', async (t) => {
  const { layout, place, real } = host(t);
  fs.writeFileSync(path.join(path.dirname(real), 'tool-1.0'), 'old');
  fs.symlinkSync('tool-1.0', real);
  await setAside(files, layout, 1, place);
  t.equal(fs.readFileSync(`${layout.baked}/1/tool`, 'utf8'), 'old');
});

t.test('what an earlier run began to set aside is thrown away', async (t) => {
  const { layout, place, real } = host(t);
  fs.mkdirSync(`${layout.baked}/1/tool/half`, { recursive: true });
  fs.writeFileSync(real, 'old');
  await setAside(files, layout, 1, place);
  t.equal(fs.readFileSync(`${layout.baked}/1/tool`, 'utf8'), 'old');
});

t.test('a device in a folder is not set aside', async (t) => {
  const { layout, place, real } = host(t);
  fs.mkdirSync(real);
  spawnSync('mkfifo', [path.join(real, 'pipe')]);
  const error = await refusalOf(setAside(files, layout, 1, place));
  t.match(error, { code: 'disk', where: path.join(real, 'pipe') });
  t.ok(fs.existsSync(path.join(real, 'pipe')), 'and nothing was removed');
});

t.test(
  'a folder that cannot be moved and is half removed is not set aside',
  async (t) => {
    const { layout, place, real } = host(t);
    fs.mkdirSync(real);
    for (const name of ['a', 'b']) fs.writeFileSync(path.join(real, name), name);
    let removals = 0;
    const dying: Files = {
      ...files,
      rename: (from, to) =>
        from === real
          ? Promise.reject(Object.assign(new Error('lower layer'), { code: 'EXDEV' }))
          : files.rename(from, to),
      remove: async (file) => {
        if (path.dirname(file) === real && ++removals > 1) throw new Error('power cut');
        await files.remove(file);
      },
    };
    await t.rejects(putLink(dying, layout, place), /power cut/);
    t.same(fs.readdirSync(real), ['b']);
    t.equal(await standing(files, layout, place), 'leaving');
    await putLink(files, layout, place);
    t.equal(await standing(files, layout, place), 'ours');
    t.same(fs.readdirSync(path.dirname(real)), ['tool']);
  },
);

t.test('what a run that died left beside our link is tidied up', async (t) => {
  const { layout, place, real } = host(t);
  await putLink(files, layout, place);
  const beside = (what: string) => path.join(path.dirname(real), `.tool.quantix-${what}`);
  fs.mkdirSync(beside('old'));
  fs.writeFileSync(path.join(beside('old'), 'x'), 'x');
  fs.symlinkSync('x', beside('new'));
  fs.symlinkSync('x', beside('leaving'));
  await tidyUp(files, place);
  t.same(fs.readdirSync(path.dirname(real)), ['tool']);
});
