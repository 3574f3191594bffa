import fs from 'node:fs';
import path from 'node:path';
import t from 'tap';
import { type BootEnvironment, change } from '../../../client/boot/boot-environment.ts';
import {
  type BootState,
  NEVER_WRITTEN,
  activate,
  beginInstall,
  markGood,
} from '../../../client/boot/boot-state.ts';
import { fileEnvironment } from '../../../client/boot/file-environment.ts';
import { encodeBlock, parseBlock } from '../../../client/boot/grub-block.ts';
import {
  COPIES,
  grubEnvironment,
  newCopies,
} from '../../../client/boot/grub-environment.ts';
import type { Files } from '../../../client/effects/effects.ts';
import { nodeFiles } from '../../../client/effects/files.ts';
import { nodeEffects } from '../../../client/effects/node.ts';
import { Cut, cutOff } from '../../support/cut-off.ts';
import { refusalOf } from '../../support/web.ts';

const files = nodeFiles();
const fx = nodeEffects({});
const GOOD: BootState = {
  next: 'A',
  slots: { A: { kind: 'good', triesLeft: 8 }, B: { kind: 'good', triesLeft: 8 } },
};

function putGrub(dir: string, state: BootState): void {
  const copies = newCopies(state);
  COPIES.forEach((name, index) =>
    fs.writeFileSync(path.join(dir, name), copies[index] ?? ''),
  );
}

function generations(dir: string): (number | undefined)[] {
  return COPIES.map(
    (name) => parseBlock(fs.readFileSync(path.join(dir, name)))?.generation,
  );
}

/** Each implementation: made in a folder with a state; and everything that it has there made unreadable. */
const IMPLEMENTATIONS: Record<
  string,
  {
    open(files: Files, dir: string): BootEnvironment;
    put(dir: string, state: BootState): void;
    names: readonly string[];
  }
> = {
  'GRUB\u2019s format': { open: grubEnvironment, put: putGrub, names: COPIES },
  'a plain file': {
    open: (each, dir) => fileEnvironment(each, `${dir}/boot.json`),
    put: (dir, state) => fs.writeFileSync(`${dir}/boot.json`, JSON.stringify(state)),
    names: ['boot.json'],
  },
};

for (const [name, made] of Object.entries(IMPLEMENTATIONS)) {
  const { names } = made;
  t.test(`${name}: an update, step by step, each read again by another`, async (t) => {
    const dir = t.testdir();
    made.put(dir, GOOD);
    const steps: ((state: BootState) => BootState)[] = [
      (state) => beginInstall(state, 'A'),
      (state) => activate(state, 'B'),
      (state) => markGood(state, 'B'),
    ];
    let expected = GOOD;
    for (const step of steps) {
      expected = step(expected);
      t.same(await change(fx, made.open(files, dir), step), expected);
      t.same((await made.open(files, dir).read()).state, expected);
    }
    const left = fs.readdirSync(dir).filter((each) => !each.endsWith('.lock'));
    t.same(left.sort(), [...names], 'nothing is left beside it');
  });

  t.test(`${name}: a host without one says so`, async (t) => {
    const error = await refusalOf(made.open(files, t.testdir()).read());
    t.match(error, { code: 'config', exitCode: 78 });
  });

  t.test(`${name}: two that change it take turns, and neither is lost`, async (t) => {
    const dir = t.testdir();
    made.put(dir, beginInstall(GOOD, 'A'));
    const environment = made.open(files, dir);
    const lock = await files.lock(environment.lockPath);
    let ended = 0;
    const both = [
      change(fx, environment, (state) => activate(state, 'B')),
      change(fx, environment, (state) => markGood(state, 'A')),
    ].map((each) => each.then(() => (ended += 1)));
    await fx.clock.sleep(200);
    t.equal(ended, 0, 'while another process has its turn, nothing is changed');
    await lock?.release();
    await Promise.all(both);
    const { state } = await environment.read();
    t.match(state, { next: 'B', slots: { A: { kind: 'good' }, B: { kind: 'trial' } } });
  });

  t.test(`${name}: a step that changes nothing writes nothing`, async (t) => {
    const dir = t.testdir();
    made.put(dir, GOOD);
    const run = cutOff(Infinity);
    await change(run.effects, made.open(run.effects.files, dir), (state) =>
      markGood(state, 'A'),
    );
    t.same(run.seen, []);
  });

  t.test(`${name}: unreadable, it is as if never written, and is mended`, async (t) => {
    const dir = t.testdir(
      Object.fromEntries(names.map((each) => [each, 'x'.repeat(1024)])),
    );
    t.same(await made.open(files, dir).read(), { state: NEVER_WRITTEN, readable: 0 });
    const after = await change(fx, made.open(files, dir), (state) =>
      markGood(state, 'B'),
    );
    t.same(await made.open(files, dir).read(), { state: after, readable: 1 });
    t.equal(after.next, 'A', 'a slot that waits to be tried stays next');
  });

  t.test(`${name}: cut off anywhere, it is the state before or after`, async (t) => {
    const after = beginInstall(GOOD, 'A');
    let cuts = 0;
    for (let last = 1; ; last += 1) {
      const dir = t.testdir();
      made.put(dir, GOOD);
      const run = cutOff(last);
      const ended = await made
        .open(run.effects.files, dir)
        .write(after)
        .then(
          () => true,
          (error: unknown) => !(error instanceof Cut),
        );
      await run.bury();
      if (ended) break;
      cuts += 1;
      const { state, readable } = await made.open(files, dir).read();
      t.ok(readable > 0);
      t.ok(same(GOOD, state) || same(after, state), `cut ${last}`);
    }
    t.ok(cuts >= 2, `${cuts} cuts`);
  });
}

function same(one: BootState, other: BootState): boolean {
  return JSON.stringify(one) === JSON.stringify(other);
}

t.test('the older copy is written, in place, and the newer one stays', async (t) => {
  const dir = t.testdir();
  putGrub(dir, GOOD);
  const inodes = (): number[] => COPIES.map((name) => fs.statSync(`${dir}/${name}`).ino);
  const before = inodes();
  const environment = grubEnvironment(files, dir);
  t.same(generations(dir), [10_000_000, 10_000_001]);
  await environment.write(beginInstall(GOOD, 'A'));
  t.same(generations(dir), [10_000_002, 10_000_001]);
  await environment.write(GOOD);
  t.same(generations(dir), [10_000_002, 10_000_003]);
  t.same(inodes(), before, 'the same files');
  t.ok(COPIES.every((name) => fs.statSync(`${dir}/${name}`).size === 1024));
});

t.test('no copy is ever shorter, wherever a write is cut off', async (t) => {
  for (let last = 1; last <= 4; last += 1) {
    const dir = t.testdir();
    putGrub(dir, GOOD);
    const run = cutOff(last);
    await grubEnvironment(run.effects.files, dir)
      .write(beginInstall(GOOD, 'A'))
      .catch(() => undefined);
    await run.bury();
    const sizes = COPIES.map((name) => fs.statSync(`${dir}/${name}`).size);
    t.same(sizes, [1024, 1024], run.seen.join(', '));
  }
});

t.test('between equal generations the first copy counts, as for GRUB', async (t) => {
  const dir = t.testdir();
  const other = beginInstall(GOOD, 'A');
  fs.writeFileSync(
    `${dir}/boot-0.env`,
    encodeBlock({ generation: 10_000_009, state: GOOD }),
  );
  fs.writeFileSync(
    `${dir}/boot-1.env`,
    encodeBlock({ generation: 10_000_009, state: other }),
  );
  const environment = grubEnvironment(files, dir);
  t.same((await environment.read()).state, GOOD);
  await environment.write(GOOD);
  t.same(generations(dir), [10_000_009, 10_000_010]);
});

t.test('a copy that is missing, cut short or unreadable is made anew', async (t) => {
  for (const broken of [null, '', 'x'.repeat(600), 'x'.repeat(1024), 'x'.repeat(70_000)])
    for (const [index, name] of COPIES.entries()) {
      const dir = t.testdir();
      putGrub(dir, GOOD);
      if (broken === null) fs.unlinkSync(`${dir}/${name}`);
      else fs.writeFileSync(`${dir}/${name}`, broken);
      const environment = grubEnvironment(files, dir);
      t.same(await environment.read(), { state: GOOD, readable: 1 });
      await environment.write(beginInstall(GOOD, 'A'));
      const { state, readable } = await environment.read();
      t.same(state, beginInstall(GOOD, 'A'));
      t.equal(readable, 2, `${name}: ${String(broken).slice(0, 5)}`);
      const other = 10_000_001 - index;
      t.same([...generations(dir)].sort(), [other, other + 1].sort());
    }
});

t.test('a disk that keeps the old bytes is found out', async (t) => {
  const dir = t.testdir();
  putGrub(dir, GOOD);
  const deaf: Files = {
    ...files,
    open: async (...args) => ({
      ...(await files.open(...args)),
      write: () => Promise.resolve(),
    }),
  };
  const error = await refusalOf(
    grubEnvironment(deaf, dir).write(beginInstall(GOOD, 'A')),
  );
  t.match(error, { code: 'disk', exitCode: 31, where: /boot-0\.env/ });
  t.same((await grubEnvironment(files, dir).read()).state, GOOD);
});

t.test('the last generation takes no further one', async (t) => {
  const dir = t.testdir();
  putGrub(dir, GOOD);
  fs.writeFileSync(
    `${dir}/boot-1.env`,
    encodeBlock({ generation: 99_999_999, state: GOOD }),
  );
  const error = await refusalOf(grubEnvironment(files, dir).write(GOOD));
  t.match(error, { code: 'local-state', exitCode: 30 });
});

t.test('a link in the place of a copy is not followed', async (t) => {
  const dir = t.testdir({ victim: 'v'.repeat(1024) });
  putGrub(dir, GOOD);
  fs.unlinkSync(`${dir}/boot-0.env`);
  fs.symlinkSync('victim', `${dir}/boot-0.env`);
  await grubEnvironment(files, dir).write(beginInstall(GOOD, 'A'));
  t.equal(fs.readFileSync(`${dir}/victim`, 'utf8'), 'v'.repeat(1024));
  t.same((await grubEnvironment(files, dir).read()).state, beginInstall(GOOD, 'A'));
});
