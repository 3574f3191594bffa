import fs from 'node:fs';
import path from 'node:path';
import process from 'node:process';
import t, { type Test } from 'tap';
import { ok, write } from '../generator/support.ts';
import { buildClientAt } from '../support/client-at.ts';
import { run } from '../support/process.ts';
import { ROOT } from '../support/setup.mjs';

/** Trees that were published once: every later version reads them. Their pointers live in March 2026. */
const GOLDEN = path.join(ROOT, 'test/vectors/golden');
const THEN = '2026-03-02T12:00:00Z';

interface Host {
  dir: string;
  update(...args: string[]): Promise<number | null>;
  file(name: string): string;
}

/** The built client, by the clock of that day. */
let client: Promise<string> | undefined;
const builtClient = (): Promise<string> =>
  (client ??= buildClientAt(path.join(t.testdir(), 'client-at.cjs')));

/** A host of that day that was made with the first root of the tree. */
function hostOf(t: Test, tree: string): Host {
  const dir = t.testdir();
  const public_ = path.join(GOLDEN, tree);
  write(
    path.join(dir, 'quantix/root.json'),
    fs.readFileSync(path.join(public_, 'root/1.json')),
  );
  const settings = {
    url: `file://${public_}`,
    product: 'quantix-os',
    trust_root: '/quantix/root.json',
    service_manager: 'none',
  };
  const lines = Object.entries(settings).map(([key, value]) => `${key} = "${value}"\n`);
  write(path.join(dir, 'quantix/update.toml'), lines.join(''));
  const update = async (...args: string[]): Promise<number | null> => {
    const words = [await builtClient(), '--root', dir, ...args];
    const ended = await run(process.execPath, words, { env: { QX_CLOCK: THEN } });
    t.comment(ended.stdout + ended.stderr);
    return ended.status;
  };
  return { dir, update, file: (name) => fs.readFileSync(path.join(dir, name), 'utf8') };
}

for (const tree of ['releases', 'unknown-fields']) {
  t.test(`the golden tree "${tree}" verifies`, async (t) => {
    const public_ = path.join(GOLDEN, tree);
    const pinned = path.join(public_, 'root/1.json');
    const result = await ok(ROOT, ['verify', public_, '--root', pinned], { now: THEN });
    t.equal(result.problems.length, 0, JSON.stringify(result.problems));
  });
}

t.test('a host installs a golden release, and updates to the next', async (t) => {
  const host = hostOf(t, 'releases');
  t.equal(await host.update('apply'), 0);
  t.match(host.file('data/bin/qx-node'), /echo one/);
  t.equal(host.file('data/share/quantix-host-ui/index.html'), '<h1>one</h1>\n');
  t.equal(await host.update('config', 'set', 'channel', 'beta'), 0);
  t.equal(await host.update('apply'), 0);
  t.match(host.file('data/bin/qx-node'), /echo two/);
  t.match(host.file('data/share/quantix-host-ui/js/app.js'), /"two"/);
  t.equal(await host.update('rollback'), 0);
  t.match(host.file('data/bin/qx-node'), /echo one/);
});

t.test('a host installs a release with fields that no version knows', async (t) => {
  const host = hostOf(t, 'unknown-fields');
  t.equal(await host.update('apply'), 0);
  t.equal(host.file('data/bin/qx-node'), '#!/bin/sh\necho 1.0.0\n');
});

t.test('the same trees are refused when a byte of them is another', async (t) => {
  const dir = t.testdir();
  fs.cpSync(path.join(GOLDEN, 'releases'), dir, { recursive: true });
  const file = path.join(dir, 'channels/quantix-os/stable.json');
  fs.appendFileSync(file, ' ');
  const pinned = path.join(GOLDEN, 'releases/root/1.json');
  await t.rejects(
    ok(ROOT, ['verify', dir, '--root', pinned], { now: THEN }),
    /ended with 20/,
  );
});
