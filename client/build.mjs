// Bundles each program into one file: dist/qx-update.cjs and dist/qx-repo.mjs, or in the folder that the
// command line names, and writes their manual pages beside them. Same sources and lock file, same bytes. Lazy imports stay lazy: esbuild turns each
// import() of our own code into a function that runs the module when it is first wanted.
import { spawnSync } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { build } from 'esbuild';
import { manPages } from './build-man.mjs';

const ROOT = fileURLToPath(new URL('..', import.meta.url));

/** What an appliance stores and every cron tick reads. */
const CLIENT_BYTES_MAX = 500_000;

const PROGRAMS = [
  {
    entry: 'client/main.ts',
    output: 'qx-update.cjs',
    // In CommonJS a lazy import is a require(): the ES module loader is not started for it.
    format: 'cjs',
    banner: '#!/usr/bin/env node',
    bytesMax: CLIENT_BYTES_MAX,
  },
  {
    entry: 'generator/main.ts',
    output: 'qx-repo.mjs',
    format: 'esm',
    // Bundled CommonJS packages call require() for node's own modules.
    banner: [
      '#!/usr/bin/env node',
      "import { createRequire as quantixCreateRequire } from 'node:module';",
      'const require = quantixCreateRequire(import.meta.url);',
    ].join('\n'),
    bytesMax: Infinity,
  },
];

/** Builds every program whose entry file exists, into `dist`; throws when one is too large. */
export async function buildAll(dist = path.join(ROOT, 'dist'), say = console.log) {
  fs.mkdirSync(dist, { recursive: true });
  for (const program of PROGRAMS) {
    if (!fs.existsSync(path.join(ROOT, program.entry))) {
      say(`${program.entry} is not there: ${program.output} is left out`);
      continue;
    }
    const bytes = await bundle(program);
    say(`${program.output} ${(bytes.length / 1000).toFixed(1)} kB`);
    if (bytes.length > program.bytesMax) {
      const limit = `${program.bytesMax / 1000} kB`;
      throw new Error(`${program.output} is larger than ${limit}`);
    }
    putFile(path.join(dist, program.output), bytes, 0o755);
  }
  const about = { version: packageJson().version, timeMs: buildTimeMs() };
  for (const [name, text] of await manPages(bundleSources, dist, about)) {
    fs.mkdirSync(path.join(dist, 'man'), { recursive: true });
    putFile(path.join(dist, 'man', name), text, 0o644);
  }
  putFolder(path.join(ROOT, 'repo-template'), path.join(dist, 'repo-template'));
}

/** One ES module of these sources, as if they lay in the root folder. */
function bundleSources(contents) {
  const { entry: _, ...how } = PROGRAMS.find(({ format }) => format === 'esm');
  return bundle({ ...how, stdin: { contents, resolveDir: ROOT, loader: 'ts' } });
}

async function bundle(program) {
  const result = await build({
    absWorkingDir: ROOT,
    entryPoints: program.entry === undefined ? [] : [program.entry],
    stdin: program.stdin,
    outfile: program.output,
    bundle: true,
    write: false,
    platform: 'node',
    target: 'node20',
    format: program.format,
    banner: { js: program.banner },
    define: constants(),
    minifySyntax: true,
    minifyWhitespace: true,
    minifyIdentifiers: true,
    // Whoever reports a defect of ours still reads the names of functions in its stack.
    keepNames: true,
    legalComments: 'eof',
    supported: { 'dynamic-import': program.format === 'esm' },
    plugins: [withoutPolyfill],
    logLevel: 'warning',
  });
  return Buffer.from(result.outputFiles[0].contents);
}

/**
 * What fetch-blob adds to Node before 18, 121 kB. From then on it changes nothing, and only to look whether it has to
 * takes Node 2 ms.
 */
const withoutPolyfill = {
  name: 'without-polyfill',
  setup(bundler) {
    bundler.onResolve({ filter: /^\.\/streams\.cjs$/ }, () => ({
      path: 'none',
      namespace: 'none',
    }));
    bundler.onLoad({ filter: /.*/, namespace: 'none' }, () => ({ contents: '' }));
  },
};

/** What the programs know about their own build; sources that run unbundled look with typeof. */
function constants() {
  const { version } = packageJson();
  return {
    QX_BUILD_VERSION: JSON.stringify(version),
    QX_BUILD_TIME_MS: String(buildTimeMs()),
    QX_BUILD_GRUB_CFG: JSON.stringify(
      fs.readFileSync(path.join(ROOT, 'overlay/boot/grub/grub.cfg'), 'utf8'),
    ),
  };
}

function packageJson() {
  return JSON.parse(fs.readFileSync(path.join(ROOT, 'package.json'), 'utf8'));
}

/** SOURCE_DATE_EPOCH, else the time of the last commit, else 0: never the clock, so that a build repeats. */
function buildTimeMs() {
  const given = process.env.SOURCE_DATE_EPOCH;
  if (given !== undefined && /^\d+$/.test(given)) return Number(given) * 1000;
  const git = spawnSync('git', ['log', '-1', '--format=%ct'], {
    cwd: ROOT,
    encoding: 'utf8',
  });
  return git.status === 0 && /^\d+\s*$/.test(git.stdout) ? Number(git.stdout) * 1000 : 0;
}

/** By rename: a program that starts meanwhile reads the old file or the new one. */
function putFile(file, bytes, mode) {
  const temporary = `${file}.${process.pid}.new`;
  fs.writeFileSync(temporary, bytes, { mode });
  fs.chmodSync(temporary, mode);
  fs.renameSync(temporary, file);
}

function putFolder(from, to) {
  if (!fs.existsSync(from)) return;
  const wanted = new Set(filesIn(from));
  for (const name of wanted) {
    const bytes = fs.readFileSync(path.join(from, name));
    const executable = (fs.statSync(path.join(from, name)).mode & 0o111) !== 0;
    fs.mkdirSync(path.dirname(path.join(to, name)), { recursive: true });
    putFile(path.join(to, name), bytes, executable ? 0o755 : 0o644);
  }
  for (const name of filesIn(to)) {
    if (!wanted.has(name) && !name.endsWith('.new')) fs.rmSync(path.join(to, name));
  }
}

function filesIn(folder) {
  return fs
    .readdirSync(folder, { withFileTypes: true, recursive: true })
    .filter((entry) => entry.isFile())
    .map((entry) =>
      path.relative(folder, path.join(entry.parentPath ?? entry.path, entry.name)),
    )
    .sort();
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? '').href) {
  try {
    await buildAll(process.argv[2]);
  } catch (error) {
    console.error(`build: error: ${error.message}`);
    process.exitCode = 1;
  }
}
