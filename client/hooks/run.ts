import type { ProcessResult } from '../effects/effects.ts';
import { QxError } from '../format/error.ts';
import type { Trouble } from '../state/trouble.ts';
import { shownOutput } from '../services/output.ts';
import type { Session } from '../session.ts';
import { formatDuration } from '../terminal/text.ts';
import { findHooks, type Hook, type Naming, type Phase } from './find.ts';
import type { HookRecord } from './record.ts';
import { type Around, toldAsJson, toldAsNames } from './told.ts';

/** Exit status by which a hook says "not now, ask again in the next run" (EX_TEMPFAIL of sysexits.h). */
const NOT_NOW = 75;

/** Until the switch a run may be told to stop; from then on it ends what it began. */
const MAY_BE_STOPPED: readonly Phase[] = [
  'pre-check',
  'pre-install',
  'drain',
  'pre-reboot',
];

/** Folder in which the contents of a generation are reached by their names. */
export function contentsOf(
  { layout }: Pick<Session, 'layout'>,
  { generation }: HookRecord,
): string | null {
  return generation === undefined ? null : `${layout.generations}/${generation}`;
}

/** The components of an update that may bring hooks along. */
export function namingOf(session: Session, record: HookRecord): Naming[] {
  const contents = contentsOf(session, record);
  return record.components.map((component) => ({
    component,
    content: contents === null ? null : `${contents}/${component.name}`,
  }));
}

/**
 * The hooks of a phase, one after the other; null when each of them ended with 0, else what the first one said that did
 * not. Of `on-failure` all are run whatever the others say: each has something of its own to take back.
 */
export async function runHooks(
  session: Session,
  phase: Phase,
  record: HookRecord,
): Promise<Trouble | null> {
  let first: Trouble | null = null;
  for (const hook of await findHooks(session, phase, namingOf(session, record))) {
    const trouble = await runHook(session, hook, phase, record);
    if (trouble !== null && phase !== 'on-failure') return trouble;
    first ??= trouble;
  }
  return first;
}

async function runHook(
  session: Session,
  { label, path }: Hook,
  phase: Phase,
  record: HookRecord,
): Promise<Trouble | null> {
  const { fx, config, out, log } = session;
  const signal = MAY_BE_STOPPED.includes(phase) ? session.signal : undefined;
  signal?.throwIfAborted();
  out.say(`hook ${label}`);
  const started = fx.clock.now();
  const around: Around = {
    root: config.root === '/' ? '' : config.root,
    stateDir: config.stateDir,
    contents: contentsOf(session, record),
  };
  const ended = await fx.processes
    .run(path, [], {
      timeoutMs: config.hookTimeoutMs,
      input: toldAsJson(phase, record, around),
      env: toldAsNames(phase, record, around),
      diesWithUs: true,
      ...(signal === undefined ? {} : { signal }),
    })
    .catch((error: unknown) => notStarted(error));
  const output = shownOutput(ended.stdout, ended.stderr);
  const why = howEnded(ended, config.hookTimeoutMs);
  const took = formatDuration(Math.max(0, fx.clock.now() - started));
  const event =
    ended.status === 0 || ended.status === NOT_NOW ? 'hook-ended' : 'hook-failed';
  await log(
    event,
    `hook ${label} ${why} after ${took}${output === '' ? '' : `: ${output}`}`,
  );
  signal?.throwIfAborted();
  if (ended.status === 0) return null;
  const deferred = ended.status === NOT_NOW;
  return {
    message: deferred ? `hook ${label} says: not now` : `hook ${label} ${why}`,
    output,
    ...(deferred ? { deferred } : {}),
    ...(ended.timedOut ? { timedOut: true as const } : {}),
  };
}

/** No interpreter, another architecture, no memory for it. */
function notStarted(error: unknown): ProcessResult & { unstarted: true } {
  const text = error instanceof Error ? error.message : String(error);
  const stderr = Buffer.from(text);
  const nothing = { status: null, timedOut: false, stdout: Buffer.alloc(0) };
  return { ...nothing, stderr, unstarted: true };
}

function howEnded(
  result: ProcessResult & { unstarted?: true },
  timeoutMs: number,
): string {
  if (result.unstarted === true) return 'could not be started';
  if (result.timedOut) return `did not end within ${formatDuration(timeoutMs)}`;
  if (result.status === null) return 'was ended by a signal';
  return `ended with ${result.status}`;
}

/** What a run ends with when a hook stopped it before the switch: 75, or 40 with everything as it was. */
export function stoppedError(trouble: Trouble, hooksDir: string): QxError {
  const deferred = trouble.deferred === true;
  return new QxError(
    deferred ? 'deferred' : 'apply-failed',
    deferred ? trouble.message : `${trouble.message}; nothing was changed`,
    {
      where: hooksDir,
      found: trouble.output === '' ? undefined : trouble.output,
      hint: deferred
        ? 'nothing was changed; the next run asks again'
        : trouble.timedOut === true
          ? 'the next run tries again; "hook_timeout" in update.toml says how long a hook may take'
          : 'the next run tries again; the log has what the hook said',
    },
  );
}
