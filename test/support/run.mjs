// npm test [-- SUITE|PATH …]: sets up, then runs the suites of package.json with tap and counts.
// A suite that ran nothing is a failure; with CI=true a skipped test is one as well.
import { spawn } from 'node:child_process';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import readline from 'node:readline';
import { installMissing } from './programs.mjs';
import { ROOT, setUp } from './setup.mjs';
import { TapReader } from './tap-reader.mjs';

const JOBS = Number(process.env.QX_TEST_JOBS) || Math.min(4, os.availableParallelism());
/** A machine in QEMU boots many times in one file. */
const FILE_TIMEOUT_SECONDS = 1200;
const IN_CI = process.env.CI === 'true';

// The hosts of the tests are folders that only their user may write, whatever the developer's own umask.
process.umask(0o022);
setUp();
installMissing();
// The programs stay as they are now, even when a source changes while the tests run.
process.env.QX_TEST_BUILT = '1';

const results = [];
for (const suite of chooseSuites(process.argv.slice(2)))
  results.push(await runSuite(suite));
report(results);

/** Each file runs once, in the first suite that names it; one that names files runs them in its order. */
function chooseSuites(wanted) {
  const { suites } = JSON.parse(fs.readFileSync(path.join(ROOT, 'package.json'), 'utf8'));
  const unknown = wanted.filter((name) => !(name in suites) && !fs.existsSync(name));
  if (unknown.length > 0) {
    console.error(`test: error: no suite or path: ${unknown.join(', ')}`);
    console.error(`test: hint: suites are ${Object.keys(suites).join(', ')}`);
    process.exit(2);
  }
  const chosen =
    wanted.length === 0
      ? Object.entries(suites)
      : wanted.map((name) => [
          name,
          suites[name] ?? [path.relative(ROOT, path.resolve(name))],
        ]);
  const taken = new Set();
  return chosen.map(([name, places]) => ({
    name,
    files: takeNew(places.flatMap(testFiles), taken),
    ordered: places.length > 1 && places.some(isTestFile),
  }));
}

function takeNew(files, taken) {
  const fresh = [...new Set(files)].filter((file) => !taken.has(file));
  for (const file of fresh) taken.add(file);
  return fresh;
}

function testFiles(place) {
  const whole = path.join(ROOT, place);
  const entry = fs.statSync(whole, { throwIfNoEntry: false });
  if (entry === undefined) return [];
  if (entry.isFile()) return [place];
  const inside = fs
    .readdirSync(whole)
    .sort()
    .map((name) => path.join(place, name));
  return inside.flatMap((item) => (isTestOrFolder(item) ? testFiles(item) : []));
}

function isTestOrFolder(item) {
  return isTestFile(item) || fs.statSync(path.join(ROOT, item)).isDirectory();
}

function isTestFile(item) {
  return /\.test\.(?:ts|mjs)$/.test(item);
}

async function runSuite({ name, files, ordered }) {
  console.log(`\nsuite ${name}: ${files.length} files`);
  const started = Date.now();
  const counts = await (ordered ? runInOrder(files) : runTap(files, [`--jobs=${JOBS}`]));
  if (counts.pass + counts.fail + counts.skip === 0) {
    console.log(`not ok: suite ${name} ran no test`);
    counts.fail = 1;
  }
  return { name, minutes: (Date.now() - started) / 60_000, ...counts };
}

/** tap sorts files by name; those that take minutes start first, so that all jobs end together. */
async function runInOrder(files) {
  const { default: pLimit } = await import('p-limit');
  const counts = await pLimit(JOBS).map(files, runAlone);
  return {
    pass: sum(counts, 'pass'),
    fail: sum(counts, 'fail'),
    skip: sum(counts, 'skip'),
  };
}

/** Beside others: without a list of its own, tap removes what they are just writing below .tap. */
async function runAlone(file) {
  const dir = fs.mkdtempSync(path.join(os.tmpdir(), 'quantix-tap-'));
  const list = path.join(dir, 'files');
  fs.writeFileSync(list, `${file}\n`);
  try {
    return await runTap([file], ['--jobs=1', `--save=${list}`]);
  } finally {
    fs.rmSync(dir, { recursive: true });
  }
}

async function runTap(files, options) {
  if (files.length === 0) return { pass: 0, fail: 0, skip: 0 };
  const tap = path.join(ROOT, 'node_modules', '.bin', 'tap');
  const args = ['run', '--disable-coverage', '--allow-empty-coverage', '--reporter=tap'];
  args.push(...options, `--timeout=${FILE_TIMEOUT_SECONDS}`, ...files);
  const child = spawn(tap, args, { cwd: ROOT, stdio: ['ignore', 'pipe', 'inherit'] });
  const reader = new TapReader((line) => console.log(line), {
    comments: process.env.QX_TEST_COMMENTS === '1',
  });
  const ended = new Promise((resolve) => child.on('close', resolve));
  for await (const line of readline.createInterface({ input: child.stdout }))
    reader.read(line);
  const status = await ended;
  const counts = reader.end();
  // tap found something wrong that no test point told: a crash, a plan not kept, a time-out.
  if (status !== 0 && counts.fail === 0) {
    console.log(`not ok: tap ended with ${status}`);
    counts.fail = 1;
  }
  return counts;
}

function sum(counts, key) {
  return counts.reduce((total, each) => total + each[key], 0);
}

function report(suites) {
  console.log('');
  for (const { name, minutes, pass, fail, skip } of suites) {
    const counts = `${pass} passed, ${fail} failed, ${skip} skipped`;
    console.log(`${minutes.toFixed(2).padStart(6)} min  ${name.padEnd(14)} ${counts}`);
  }
  const [pass, fail, skip] = ['pass', 'fail', 'skip'].map((key) => sum(suites, key));
  if (IN_CI && skip > 0) console.log('a skipped test is a failure here, because CI=true');
  console.log(`${pass} passed, ${fail} failed, ${skip} skipped`);
  process.exitCode = fail > 0 || (IN_CI && skip > 0) ? 1 : 0;
}
