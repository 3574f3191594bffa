// The first thing that npm test, npm run check and npm run quickstart call. It needs nothing but Node.js:
// it installs the dependencies that package-lock.json names and builds the programs, each only when that
// was not done yet. Nothing outside node_modules/ and dist/ is written.
import { spawnSync } from 'node:child_process';
import crypto from 'node:crypto';
import fs from 'node:fs';
import path from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { takeLock } from './lock.mjs';

export const ROOT = fileURLToPath(new URL('../..', import.meta.url));
const NODE_MAJOR_MIN = 20;

/** @param {{ build?: boolean, say?: (line: string) => void }} options */
export function setUp({ build = true, say = (line) => console.error(line) } = {}) {
  checkNode();
  if (isInstalled() && !(build && isStale())) return;
  const release = takeLock(path.join(ROOT, 'dist', 'setup.lock'), say);
  if (!isInstalled()) install(say);
  if (build && isStale()) buildPrograms(say);
  release();
}

function checkNode() {
  const major = Number(process.versions.node.split('.')[0]);
  if (major >= NODE_MAJOR_MIN) return;
  fail(
    `Node.js ${NODE_MAJOR_MIN} or later is needed, this is ${process.version} (${process.execPath})`,
  );
}

function fail(message) {
  console.error(`setup: error: ${message}`);
  process.exit(1);
}

// Dependencies

const LOCK_FILE = path.join(ROOT, 'package-lock.json');
const STAMP = path.join(ROOT, 'node_modules', '.installed-from');

/** By contents: file times say nothing after a checkout or a copy. */
function isInstalled() {
  if (readText(STAMP) === lockDigest()) return true;
  const wanted = readJson(LOCK_FILE)?.packages;
  const there = readJson(path.join(ROOT, 'node_modules', '.package-lock.json'))?.packages;
  if (wanted === undefined || there === undefined) return false;
  return Object.entries(wanted).every(([where, entry]) => {
    if (where === '') return true;
    const found = there[where];
    return found === undefined
      ? entry.optional === true
      : found.integrity === entry.integrity;
  });
}

function lockDigest() {
  return crypto.createHash('sha256').update(fs.readFileSync(LOCK_FILE)).digest('hex');
}

function readText(file) {
  try {
    return fs.readFileSync(file, 'utf8');
  } catch {
    return undefined;
  }
}

function readJson(file) {
  try {
    return JSON.parse(fs.readFileSync(file, 'utf8'));
  } catch {
    return undefined;
  }
}

function install(say) {
  say('setup: installing dependencies (npm ci)');
  const started = Date.now();
  const npm = spawnSync('npm', ['ci', '--no-audit', '--no-fund', '--loglevel=error'], {
    cwd: ROOT,
    encoding: 'utf8',
    maxBuffer: 64 << 20,
    env: { ...process.env, NODE_ENV: 'development' },
  });
  if (npm.error !== undefined) fail(`npm does not start: ${npm.error.message}`);
  if (npm.status !== 0) {
    console.error(npm.stdout + npm.stderr);
    fail(`npm ci ended with ${npm.status ?? npm.signal}`);
  }
  fs.writeFileSync(STAMP, lockDigest());
  say(`setup: dependencies installed in ${seconds(started)} s`);
}

// Programs

const OUTPUTS = [
  ['client/main.ts', 'dist/qx-update.cjs'],
  ['generator/main.ts', 'dist/qx-repo.mjs'],
];
const SOURCES = [
  'client',
  'generator',
  'repo-template',
  'package.json',
  'package-lock.json',
];

function isStale() {
  const outputs = OUTPUTS.filter(([entry]) => fs.existsSync(path.join(ROOT, entry)));
  const built = outputs.map(([, output]) => modifiedMs(path.join(ROOT, output)));
  const newest = Math.max(...SOURCES.map((source) => newestMs(path.join(ROOT, source))));
  return built.some((time) => time < newest);
}

function modifiedMs(file) {
  return fs.statSync(file, { throwIfNoEntry: false })?.mtimeMs ?? 0;
}

/** Folders count as well: their time moves when a file in them is removed. */
function newestMs(place) {
  const entry = fs.statSync(place, { throwIfNoEntry: false });
  if (entry === undefined || !entry.isDirectory()) return entry?.mtimeMs ?? 0;
  const inside = fs.readdirSync(place).map((name) => newestMs(path.join(place, name)));
  return Math.max(entry.mtimeMs, ...inside);
}

function buildPrograms(say) {
  const started = Date.now();
  const build = spawnSync(process.execPath, ['client/build.mjs'], {
    cwd: ROOT,
    encoding: 'utf8',
  });
  if (build.status !== 0) {
    console.error(build.stdout + build.stderr);
    fail(`the build ended with ${build.status ?? build.signal}`);
  }
  say(`setup: programs built in ${seconds(started)} s`);
}

function seconds(started) {
  return ((Date.now() - started) / 1000).toFixed(1);
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? '').href) setUp();
