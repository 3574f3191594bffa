// npm run check: what can be said about the sources without running them. One line a check, with its
// seconds; everything is checked, also after a failure.
import { spawnSync } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import { layeringProblems, projectFiles } from './layering.mjs';
import { installMissing, whereIs } from './programs.mjs';
import { ROOT, setUp } from './setup.mjs';

const IN_CI = process.env.CI === 'true';

/** Each returns the problems it found, "" for none, or {skipped} with a reason. */
const CHECKS = {
  types: () => tool('tsc', ['--noEmit', '-p', '.']),
  lint: () => tool('eslint', ['--max-warnings=0', '.']),
  format: () => tool('prettier', ['--check', '--log-level=warn', '.']),
  layering: () => layeringProblems().join('\n'),
  shell: checkShell,
};

function tool(name, args) {
  return output(
    spawnSync(path.join(ROOT, 'node_modules', '.bin', name), args, options()),
  );
}

function options() {
  return { cwd: ROOT, encoding: 'utf8', maxBuffer: 64 << 20 };
}

function output(result) {
  if (result.error !== undefined) return result.error.message;
  return result.status === 0
    ? ''
    : `${result.stdout}${result.stderr}`.trim() || 'failed silently';
}

/** Scripts are known by their first line; what an appliance runs must also parse under busybox ash. */
function checkShell() {
  const scripts = projectFiles().filter(isShellScript);
  const shellcheck = whereIs('shellcheck');
  const busybox = whereIs('busybox');
  if (shellcheck === undefined) return { skipped: 'shellcheck is not installed' };
  if (busybox === undefined) return { skipped: 'busybox is not installed' };
  const posix = scripts.filter((file) => !/^#!.*bash/.test(firstLine(file)));
  const parsed = posix.map((file) =>
    output(spawnSync(busybox, ['ash', '-n', file], options())),
  );
  return [output(spawnSync(shellcheck, scripts, options())), ...parsed]
    .filter(Boolean)
    .join('\n');
}

function isShellScript(file) {
  return /^#!\s*(?:\/usr\/bin\/env\s+|\/s?bin\/)(?:sh|bash|openrc-run)\b/.test(
    firstLine(file),
  );
}

function firstLine(file) {
  const handle = fs.openSync(path.join(ROOT, file), 'r');
  const buffer = Buffer.alloc(80);
  const length = fs.readSync(handle, buffer, 0, buffer.length, 0);
  fs.closeSync(handle);
  return buffer.toString('latin1', 0, length).split('\n')[0];
}

function runCheck([name, check]) {
  const started = Date.now();
  const result = check();
  const seconds = `${((Date.now() - started) / 1000).toFixed(1).padStart(5)} s`;
  if (typeof result === 'object') {
    console.log(
      `${IN_CI ? 'not ok ' : 'SKIPPED'} ${name.padEnd(9)} ${seconds}  because ${result.skipped}`,
    );
    return !IN_CI;
  }
  console.log(`${result === '' ? 'ok     ' : 'not ok '} ${name.padEnd(9)} ${seconds}`);
  if (result !== '') console.log(result.replace(/^/gm, '  '));
  return result === '';
}

setUp();
installMissing();
const wanted = process.argv.slice(2);
const unknown = wanted.filter((name) => !(name in CHECKS));
if (unknown.length > 0) {
  console.error(`check: error: no such check: ${unknown.join(', ')}`);
  console.error(`check: hint: checks are ${Object.keys(CHECKS).join(', ')}`);
  process.exit(2);
}
const chosen = Object.entries(CHECKS).filter(
  ([name]) => wanted.length === 0 || wanted.includes(name),
);
// All of them run, so that one push tells everything.
process.exitCode = chosen.map(runCheck).every(Boolean) ? 0 : 1;
