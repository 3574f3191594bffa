// npm run nightly: repetitions of what npm test does once, and inputs too large for it.
// Every seed is printed; QX_TEST_SEED repeats one. A failure ends with status 1 after all have run.
import { spawnSync } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import { ROOT } from './setup.mjs';

const SEEDS = Number(process.env.QX_NIGHTLY_SEEDS) || 10;
const RUN = path.join(ROOT, 'test/support/run.mjs');

function testFiles(folder) {
  return fs
    .readdirSync(path.join(ROOT, folder), { recursive: true })
    .filter((name) => name.endsWith('.test.ts'))
    .map((name) => path.join(folder, name));
}

/** The tests whose input depends on a seed. */
const seeded = testFiles('test').filter((file) =>
  fs.readFileSync(path.join(ROOT, file), 'utf8').includes('QX_TEST_SEED'),
);

function run(title, args, env = {}) {
  return start(title, [RUN, ...args], env);
}

function start(title, args, env = {}) {
  console.log(`\nnightly: ${title}`);
  const { status } = spawnSync(process.execPath, args, {
    cwd: ROOT,
    env: { ...process.env, QX_TEST_COMMENTS: '1', ...env },
    stdio: 'inherit',
  });
  return status === 0 ? [] : [title];
}

const failed = run('large inputs', testFiles('test/nightly'));
failed.push(
  ...run('power cuts of which ten are booted', ['test/boot/qemu-power-cuts.test.ts'], {
    QX_BOOTED_CUTS: '10',
  }),
);
failed.push(
  ...run(
    'boots with all three tries, twenty power cuts, three healthy reboots',
    ['fallback-kernel', 'fallback-system', 'proven', 'boot'].map(
      (name) => `test/boot/qemu-${name}.test.ts`,
    ),
    { QX_BOOT_REPETITIONS: 'all' },
  ),
);
failed.push(
  ...run('a SIGKILL at every tenth effect', ['test/end-to-end/kill-processes.test.ts'], {
    QX_KILL_EVERY: '10',
  }),
);
// It is the longest, and goes on where an earlier one was stopped.
failed.push(
  ...start('a million cases of each reader', [path.join(ROOT, 'test/fuzz/nightly.mjs')]),
);
const first = Number(process.env.QX_TEST_SEED) || Math.floor(Date.now() / 1000);
failed.push(
  ...run('faults and hosts of the fleet, twenty times as many', ['crash', 'fleet'], {
    QX_TEST_TIMES: '20',
    QX_TEST_SEED: String(first),
  }),
);
for (let seed = first; seed < first + SEEDS; seed += 1) {
  failed.push(...run(`seed ${seed}`, seeded, { QX_TEST_SEED: String(seed) }));
}
console.log(
  failed.length === 0
    ? '\nnightly: all passed'
    : `\nnightly: failed: ${failed.join(', ')}`,
);
process.exitCode = failed.length === 0 ? 0 : 1;
