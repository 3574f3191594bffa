// Which folder may use what. The rules are data; `problems` reads sources and returns one line for each
// import or call that breaks one.
import { spawnSync } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import { ROOT } from './setup.mjs';

const TOP_LEVEL_FOLDERS = [
  '.ci',
  'client',
  'generator',
  'overlay',
  'repo-template',
  'test',
];
const NAME = /^\.?[a-z0-9][a-z0-9._-]*$/;
/** The upper-case names that every project of this kind has. */
const KNOWN_NAMES = [
  'README.md',
  'LICENSE',
  'CHANGELOG.md',
  'CONTRIBUTING.md',
  'SECURITY.md',
  'TROUBLESHOOTING.md',
];

/**
 * First match rules. `own`: folders (or files) that it may import from; `modules`: everything else that it
 * may import, where undefined means anything of Node and of package.json's dependencies.
 */
const AREAS = [
  {
    folder: 'client/format/',
    own: ['client/format/'],
    // Parts of semver: all of it takes a host some milliseconds at each start.
    modules: [
      'node:crypto',
      'valibot',
      'semver/functions/valid.js',
      'semver/ranges/valid.js',
      'tar/header',
    ],
  },
  { folder: 'client/', own: ['client/', 'package.json'] },
  {
    folder: 'generator/',
    own: [
      'generator/',
      'package.json',
      'client/format/',
      'client/effects/',
      'client/reader/',
      'client/terminal/',
      'client/content/',
      // What a rollout is drawn by, and lint goes by, is what hosts decide by.
      'client/policy/',
    ],
  },
];

/** Folders and files that may touch the world outside; everybody else asks them through Effects. */
const EFFECT_HOMES = [
  'client/effects/',
  'client/main.ts',
  'generator/main.ts',
  'generator/preview/server.ts',
];
const EFFECT_MODULES = [
  'node:fs',
  'node:fs/promises',
  'node:child_process',
  'node:http',
  'node:https',
  'node:net',
  'node:tls',
  'node:dgram',
  'node:dns',
  'node:timers/promises',
  'node:worker_threads',
  'node-fetch',
  'http-proxy-agent',
  'https-proxy-agent',
  'proxy-from-env',
];
const EFFECT_CALLS = [
  /\bDate\.now\b/,
  /\bnew Date\(\)/,
  /\bMath\.random\b/,
  /\bperformance\.now\b/,
  /\bprocess\.hrtime\b/,
  /\brandomBytes\b/,
  /\brandomUUID\b/,
  /\bset(?:Timeout|Interval)\(/,
];
/** Only the publisher needs these. */
const GENERATOR_ONLY = ['globby', '@valibot/to-json-schema'];

/** `file` relative to the repository, `text` its source. */
export function problemsOf(file, text, dependencies) {
  const area = AREAS.find(({ folder }) => file.startsWith(folder));
  if (area === undefined) return [];
  const code = withoutComments(text);
  const imports = importsOf(code);
  const problems = imports.flatMap(
    (name) => importProblem(file, area, name, dependencies) ?? [],
  );
  const calls = isEffectHome(file)
    ? []
    : EFFECT_CALLS.flatMap((call) => code.match(call) ?? []);
  return [...problems, ...calls.map((call) => `calls ${call}, an effect`)].map(
    (what) => `${file}: ${what}`,
  );
}

function isEffectHome(file) {
  return EFFECT_HOMES.some((home) => file.startsWith(home));
}

function importProblem(file, area, name, dependencies) {
  if (name.startsWith('.')) return ownProblem(file, area, name);
  if (area.modules !== undefined) {
    return area.modules.includes(name)
      ? undefined
      : `imports ${name}, which ${area.folder} may not`;
  }
  if (EFFECT_MODULES.includes(name) && !isEffectHome(file))
    return `imports ${name}, an effect`;
  if (GENERATOR_ONLY.includes(name) && !file.startsWith('generator/')) {
    return `imports ${name}, which is the generator's`;
  }
  if (name.startsWith('node:') || dependencies.includes(packageName(name)))
    return undefined;
  return `imports ${name}, which is neither "node:…" nor a dependency`;
}

function ownProblem(file, area, name) {
  const target = path.posix.normalize(path.posix.join(path.posix.dirname(file), name));
  const allowed = area.own.some((place) => target.startsWith(place));
  return allowed ? undefined : `imports ${target}, which ${area.folder} may not`;
}

function packageName(name) {
  return name
    .split('/')
    .slice(0, name.startsWith('@') ? 2 : 1)
    .join('/');
}

function importsOf(code) {
  const static_ = [...code.matchAll(/\b(?:from|import)\s*['"]([^'"\n]+)['"]/g)];
  const lazy = [...code.matchAll(/\b(?:import|require)\(\s*['"]([^'"\n]+)['"]/g)];
  return [...static_, ...lazy].map((match) => match[1]);
}

/** Good enough for source that prettier wrote: comment lines, and what follows code on a line. */
function withoutComments(text) {
  return text.replace(/\/\*[\s\S]*?\*\//g, '').replace(/(^|\s)\/\/.*$/gm, '$1');
}

/** One line for each path that is where, or named as, nothing should be. */
export function nameProblems(files) {
  return files.flatMap((file) => {
    const parts = file.split('/');
    if (parts.length > 1 && !TOP_LEVEL_FOLDERS.includes(parts[0])) {
      return [`${file}: ${parts[0]}/ is no folder of this project`];
    }
    const odd = parts.find((part) => !NAME.test(part) && !KNOWN_NAMES.includes(part));
    return odd === undefined ? [] : [`${file}: "${odd}" is not lower-case`];
  });
}

/** What git tracks or would track. */
export function projectFiles() {
  const args = ['ls-files', '--cached', '--others', '--exclude-standard', '-z'];
  const git = spawnSync('git', args, {
    cwd: ROOT,
    encoding: 'utf8',
    maxBuffer: 64 << 20,
  });
  if (git.status !== 0) throw new Error(`git ls-files: ${git.stderr}`);
  const names = git.stdout.split('\0').filter((name) => name !== '');
  return [...new Set(names)]
    .filter((name) => fs.existsSync(path.join(ROOT, name)))
    .sort();
}

/** Everything that is wrong in this folder, one line each. */
export function layeringProblems() {
  const files = projectFiles();
  const { dependencies } = JSON.parse(
    fs.readFileSync(path.join(ROOT, 'package.json'), 'utf8'),
  );
  const sources = files.filter((file) => file.endsWith('.ts'));
  const broken = sources.flatMap((file) =>
    problemsOf(
      file,
      fs.readFileSync(path.join(ROOT, file), 'utf8'),
      Object.keys(dependencies),
    ),
  );
  return [...nameProblems(files), ...broken];
}
