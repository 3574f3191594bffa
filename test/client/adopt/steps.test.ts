import fs from 'node:fs';
import t, { type Test } from 'tap';
import { carryOut, type Step } from '../../../client/adopt/steps.ts';
import type { Files } from '../../../client/effects/effects.ts';
import { nodeEffects } from '../../../client/effects/node.ts';
import { observe } from '../../../client/effects/observe.ts';

const RENAME: Step = {
  step: 'rename',
  from: '/boot/grub/grub.cfg.next',
  path: '/boot/grub/grub.cfg',
  why: '',
};

function write(text: string): Step {
  return { step: 'write', path: '/boot/grub/x', bytes: Buffer.from(text), why: '' };
}

function folder(t: Test, files: Record<string, string>): string {
  return t.testdir({ boot: { grub: files } });
}

/** The effects of these steps, and their files: "rename grub.cfg". */
async function effectsOf(dir: string, steps: Step[]): Promise<string[]> {
  const seen: string[] = [];
  const { files } = observe(nodeEffects({}), ({ name }) => {
    seen.push(name.replace(/^files\./, ''));
  });
  await carryOut(files, dir, steps);
  return seen;
}

t.test('the old file is held until the new one is known to be on the disk', async (t) => {
  const dir = folder(t, { 'grub.cfg': 'old', 'grub.cfg.next': 'new' });
  const seen = await effectsOf(dir, [RENAME]);
  const from = seen.indexOf('rename');
  t.same(seen.slice(from - 1, from + 6), [
    'open',
    'rename',
    'open',
    'open.sync',
    'open.close',
    'syncDirectory',
    'open.close',
  ]);
  t.equal(fs.readFileSync(`${dir}/boot/grub/grub.cfg`, 'utf8'), 'new');
});

t.test('a rename to where nothing is', async (t) => {
  const dir = folder(t, { 'grub.cfg.next': 'new' });
  await effectsOf(dir, [RENAME]);
  t.same(fs.readdirSync(`${dir}/boot/grub`), ['grub.cfg']);
});

t.test('each file is on the disk before the next step', async (t) => {
  const dir = folder(t, { x: 'a torn one' });
  const seen = await effectsOf(dir, [write('one')]);
  const order = [
    'open',
    'open.write',
    'open.sync',
    'open.close',
    'read',
    'syncDirectory',
  ];
  t.same(
    seen.filter((name) => name !== 'remove'),
    order,
  );
  t.equal(fs.readFileSync(`${dir}/boot/grub/x`, 'utf8'), 'one');
});

t.test('what does not read back ends it before the next step', async (t) => {
  for (const found of ['onE', 'on', 'one more']) {
    const dir = folder(t, { 'grub.cfg': 'old', 'grub.cfg.next': 'new' });
    const node = nodeEffects({}).files;
    const read: Files['read'] = (path, max) =>
      path.endsWith('/x') ? Promise.resolve(Buffer.from(found)) : node.read(path, max);
    const work = carryOut({ ...node, read }, dir, [write('one'), RENAME]);
    await t.rejects(work, { code: 'disk', message: /does not read back/ });
    t.equal(fs.readFileSync(`${dir}/boot/grub/grub.cfg`, 'utf8'), 'old');
  }
});
