import type { Config } from '../config/config.ts';
import { readIfThere } from '../effects/durable.ts';
import type { Effects, StartedProcess } from '../effects/effects.ts';
import { type Activity, readActivity } from '../state/activity.ts';
import { readLastCheck } from '../state/last-check.ts';
import { isRunning } from '../status.ts';
import { lastError, type RanError, type Self } from './self.ts';
import { serveFolder } from './settings.ts';

/** What became of the wish to install. */
export type Applied =
  | { what: 'started' }
  /** Over before anybody could look. */
  | { what: 'done'; message: string }
  | { what: 'busy'; holder: Holder }
  | { what: 'failed'; error: RanError };

/** Who is at work on this host, as far as it tells. */
export interface Holder {
  pid: number | null;
  phase: string | null;
  version: string | null;
  since: string | null;
}

/** After so long a run that says nothing is taken to be at work. */
const BEGIN_MS = 10_000;
const LOOK_MS = 50;
const OUTPUT_BYTES_MAX = 1024 * 1024;

export type Apply = (config: Config) => Promise<Applied>;

/**
 * Starts `apply` as a process of its own and waits until that holds the lock, or has ended. Nothing here remembers it:
 * the lock and the record of the run tell everybody what is under way, after the end of this program as well.
 */
export function openApply(fx: Effects, self: Self): Apply {
  // Between the start of a run and its hold on the lock, which no file tells of.
  let beginning = false;
  return async (config) => {
    if (beginning) return { what: 'busy', holder: holderOf(null) };
    beginning = true;
    try {
      return await begin(fx, self, config);
    } finally {
      beginning = false;
    }
  };
}

async function begin(fx: Effects, self: Self, config: Config): Promise<Applied> {
  const { stateDir } = config;
  if (await isRunning(fx, stateDir)) return busy(fx, stateDir);
  await fx.files.makeDirectory(serveFolder(config), 0o700);
  const output = `${serveFolder(config)}/apply.out`;
  const child = await self.start(['apply'], output);
  const ended = await endedBeforeLock(fx, stateDir, child);
  if (!ended.over) return { what: 'started' };
  if (ended.status === 32) return busy(fx, stateDir);
  if (ended.status === 0)
    return { what: 'done', message: await doneMessage(fx, stateDir) };
  const said = await readIfThere(fx.files, output, OUTPUT_BYTES_MAX);
  return { what: 'failed', error: lastError(said?.toString('utf8') ?? '') };
}

type Ended = { over: false } | { over: true; status: number | null };

async function endedBeforeLock(
  fx: Effects,
  stateDir: string,
  child: StartedProcess,
): Promise<Ended> {
  let over: Ended = { over: false };
  void child.ended.then((status) => (over = { over: true, status }));
  const until = fx.clock.now() + BEGIN_MS;
  while (fx.clock.now() < until) {
    if ((await readActivity(fx, stateDir))?.pid === child.id) break;
    await fx.clock.sleep(LOOK_MS);
    if (over.over) break;
  }
  return over;
}

export async function busy(
  fx: Effects,
  stateDir: string,
): Promise<{ what: 'busy'; holder: Holder }> {
  return { what: 'busy', holder: holderOf(await readActivity(fx, stateDir)) };
}

function holderOf(activity: Activity | null): Holder {
  const { pid = null, phase = null, version = null, updated = null } = activity ?? {};
  return { pid, phase, version, since: updated };
}

/** "run 4711, installing 1.2.0" */
export function holderText({ pid, phase, version }: Holder): string {
  if (pid === null) return 'another run that has just begun';
  return `run ${pid}, ${[phase, version].filter((word) => word !== null).join(' ')}`;
}

async function doneMessage(fx: Effects, stateDir: string): Promise<string> {
  const last = await readLastCheck(fx, stateDir);
  const version = last?.version ?? '';
  return last?.installed === true ? `${version} is installed` : `up to date: ${version}`;
}
