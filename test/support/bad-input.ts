import fs from 'node:fs';
import path from 'node:path';
import pLimit from 'p-limit';
import type { Test } from 'tap';
import type { ClientState } from '../../client/format/client-state.ts';
import { pointerPath } from '../../client/format/tree.ts';
import { type Publish, serveTree } from './bad-tree.ts';
import { makeForge, sha256 } from './forge.ts';
import { newestState } from './host-state.ts';
import { type Finished, programPath, run } from './process.ts';
import { type Host, makeHost } from './sandbox.ts';
import { snapshot } from './snapshot.ts';
import { serve } from './web.ts';

/**
 * Rows of bad input. Each starts from a host that runs release 1.0.0, gives it a tree, a web server or a disk
 * with one fault, runs the built client once, and looks at what it said and at what must not have changed.
 */
export interface Row {
  name: string;
  /** Publishes what is wrong. A handler answers in the place of the static server. */
  publish?: Publish;
  /** Changes the host; what it gives back is undone after the run. */
  host?: (host: Host) => (() => void) | undefined | void | Promise<() => void>;
  /** Keys of update.toml. */
  config?: Parameters<Host['configure']>[0];
  /** Instead of `apply`. */
  args?: string[];
  exit: number;
  /** The lines of the refusal. `where` must be there in any case, unless it is false. */
  says: {
    error: RegExp;
    where?: RegExp | false;
    expected?: RegExp;
    found?: RegExp;
    hint?: RegExp;
  };
  /** What had been verified before the fault and may be remembered; nothing when it is not given. */
  verified?: 'pointer' | 'manifest';
  /** The root version that the host has rightly walked to; 1 when it is not given. */
  rooted?: number;
  /** What staging may hold afterwards; nothing when it is not given. */
  staged?: 'part' | 'object';
  /** Run by this program, which changes the user. */
  as?: string[];
  /** False where the state cannot or must not be written. */
  recorded?: false;
  /** Then the client is killed, and the row fails; half a minute when it is not given. */
  timeoutMs?: number;
  /** Tests that cannot run here say why. */
  skip?: string | undefined;
}

const AT_ONCE = 2;
const ROWS_TIMEOUT_MS = 300_000;
const SLOT = 'quantix-os/stable';
const PATIENT = { connect_timeout: '20s', stall_timeout: '20s', retries: 0 };

interface Prepared {
  tree: string;
  host: string;
}

/** Runs the rows, two at a time, and tells each as a test of its name. */
export async function refuseRows(t: Test, rows: readonly Row[]): Promise<void> {
  t.setTimeout(ROWS_TIMEOUT_MS);
  const folder = t.testdir();
  const prepared = await prepare(t, folder);
  const limit = pLimit(AT_ONCE);
  const runs = rows.map((row, index) =>
    limit(async () =>
      row.skip === undefined
        ? await runRow(t, prepared, path.join(folder, `row-${index}`), row)
        : undefined,
    ),
  );
  for (const [index, row] of rows.entries()) {
    const run = await runs[index];
    const options = row.skip === undefined ? {} : { skip: row.skip };
    await t.test(row.name, options, (t) => {
      if (run !== undefined) judge(t, row, run);
      t.end();
    });
  }
}

/** Release 1.0.0: a file at /data/bin/qx-node, floor 1, installed by the client itself. */
async function prepare(t: Test, folder: string): Promise<Prepared> {
  const tree = path.join(folder, 'prepared-tree');
  const forge = makeForge(tree);
  forge.release({ manifest: { floor: 1 } });
  const { url } = await serve(t, serveTree(tree));
  const host = makeHost(path.join(folder, 'prepared-host'), {
    url,
    root: forge.rootBytes,
  });
  const first = await host.run(['apply']);
  if (first.status !== 0) throw new Error(`1.0.0 was not installed: ${first.stderr}`);
  return { tree, host: host.dir };
}

/** Everything that a row may have changed. */
interface Traces {
  install: Record<string, string>;
  state: ClientState | null;
  /** Roots, pointers and manifests that the host keeps. */
  trust: Record<string, string>;
  pointers: Record<string, string>;
  manifests: Record<string, string>;
  staging: string[];
  history: string[];
}

interface RowRun {
  finished: Finished;
  before: Traces;
  after: Traces;
  /** SHA-256 of the pointer that the tree has at the end. */
  pointer: string;
}

async function runRow(
  t: Test,
  prepared: Prepared,
  folder: string,
  row: Row,
): Promise<RowRun> {
  const tree = path.join(folder, 'tree');
  const dir = path.join(folder, 'host');
  fs.cpSync(prepared.tree, tree, { recursive: true });
  fs.cpSync(prepared.host, dir, { recursive: true, verbatimSymlinks: true });
  const forge = makeForge(tree);
  const { url } = await serve(t, serveTree(tree, row.publish?.(forge)));
  const host = makeHost(dir, { url, root: forge.rootBytes });
  // Rows that wait for a time-out set a short one: no other fault may turn into one on a busy machine.
  host.configure({ ...PATIENT, ...row.config });
  const undo = await row.host?.(host);
  const before = traces(host);
  const finished = await runClient(host, row);
  const after = traces(host);
  undo?.();
  const file = path.join(tree, pointerPath('quantix-os', 'stable'));
  const pointer = fs.existsSync(file) ? sha256(fs.readFileSync(file)) : '';
  return { finished, before, after, pointer };
}

/** Without what the test runner adds to the environment, which would slow the client down. */
function runClient(host: Host, row: Row): Promise<Finished> {
  const client = [programPath('qx-update'), '--root', host.dir];
  const words = [...(row.as ?? []), 'env', '-u', 'NODE_OPTIONS', ...client];
  const [program = '', ...args] = [...words, ...(row.args ?? ['apply'])];
  return run(program, args, { timeoutMs: row.timeoutMs ?? 30_000 });
}

function traces(host: Host): Traces {
  const install = {
    ...prefixed('bin', host.snapshot('/data/bin')),
    ...prefixed('share', host.snapshot('/data/share')),
    ...prefixed('components', host.snapshot('/data/components')),
  };
  // Beside staging lies what a test of full disks puts there.
  const outside = ([name]: [string, string]): boolean =>
    !name.startsWith('components/staging');
  const history = host.path('/data/updates/history.ndjson');
  return {
    install: Object.fromEntries(Object.entries(install).filter(outside)),
    state: newestState(host),
    trust: host.snapshot('/data/updates/trust'),
    pointers: host.snapshot('/data/updates/pointers'),
    manifests: host.snapshot('/data/updates/manifests'),
    staging: Object.keys(snapshot(host.path('/data/components/staging'))),
    history: fs.existsSync(history)
      ? fs.readFileSync(history, 'utf8').trimEnd().split('\n')
      : [],
  };
}

function prefixed(prefix: string, rows: Record<string, string>): Record<string, string> {
  return Object.fromEntries(
    Object.entries(rows).map(([name, what]) => [`${prefix}/${name}`, what]),
  );
}

function judge(t: Test, row: Row, run: RowRun): void {
  const { finished, before, after } = run;
  t.equal(finished.signal, null, 'it ends by itself');
  t.equal(finished.status, row.exit, `exit code\n${finished.stderr}`);
  t.equal(finished.stdout, '', 'nothing on standard output');
  judgeWords(t, row, finished.stderr);
  t.same(after.install, before.install, 'what is installed is byte for byte as before');
  if (row.rooted === undefined)
    t.same(after.trust, before.trust, 'the stored roots are as before');
  judgeMemory(t, row, run);
  judgeStaging(t, row, after.staging);
}

function judgeWords(t: Test, { says }: Row, stderr: string): void {
  const line = (start: RegExp): string =>
    stderr.split('\n').find((text) => start.test(text)) ?? '(no such line)';
  t.match(line(/^qx-update: error: /), says.error);
  if (says.where !== false)
    t.match(line(/^ {2}where /), says.where ?? /where +\S/, 'it says where');
  if (says.expected) t.match(line(/^ {2}expected /), says.expected);
  if (says.found) t.match(line(/^ {2}found /), says.found);
  if (says.hint) t.match(line(/^qx-update: hint: /), says.hint);
  t.notMatch(stderr, /\n\s+at .*\.(?:c?js|ts):\d+/, 'no stack trace');
}

function judgeMemory(t: Test, row: Row, { before, after, pointer }: RowRun): void {
  const was = before.state?.repositories.example;
  const is = after.state?.repositories.example;
  t.same(is?.floors, was?.floors, 'the floors are as before');
  const rooted = row.rooted ?? was?.root_version;
  t.equal(is?.root_version, rooted, 'the root version is as it should be');
  if (row.verified === undefined) {
    t.same(is?.pointers, was?.pointers, 'the pointer that is remembered is as before');
    // What an older key said of the time is forgotten with a newer root.
    const issued = row.rooted === undefined ? was?.issued : undefined;
    t.equal(is?.issued, issued, 'the time that is remembered is as before');
    t.same(after.pointers, before.pointers, 'the stored pointer is as before');
  } else {
    t.equal(is?.pointers[SLOT]?.sha256, pointer, 'the good pointer is remembered');
  }
  if (row.verified !== 'manifest')
    t.same(after.manifests, before.manifests, 'the stored manifest is as before');
  judgeRecord(t, row, before, after);
}

function judgeRecord(t: Test, row: Row, before: Traces, after: Traces): void {
  const others = (state: ClientState | null) => ({
    ...state,
    generation: 0,
    last_refusal: null,
    repositories: null,
  });
  t.same(others(after.state), others(before.state), 'nothing else of the state changed');
  const refusal = after.state?.last_refusal;
  if (row.recorded === false) {
    t.same(refusal, before.state?.last_refusal, 'no refusal is recorded');
    return;
  }
  t.equal(refusal?.exitCode, row.exit, 'the refusal is recorded');
  t.match(`error: ${refusal?.message ?? ''}`, row.says.error);
  const added = after.history.slice(before.history.length);
  t.equal(added.length, 1, 'one more line of history');
  t.match(JSON.parse(added[0] ?? '{}'), { event: 'refused', exitCode: row.exit });
}

function judgeStaging(t: Test, { staged }: Row, staging: string[]): void {
  const allowed =
    staged === 'part'
      ? /^[0-9a-f]{64}\.part$/
      : staged === 'object'
        ? /^[0-9a-f]{64}$/
        : /^$/;
  t.same(
    staging.filter((name) => !allowed.test(name)),
    [],
    'nothing else is left in staging',
  );
  if (staged !== undefined) t.equal(staging.length, 1, `staging keeps the ${staged}`);
}
