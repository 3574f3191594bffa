import type { Refusal } from './format/client-state.ts';
import type { QxError } from './format/error.ts';
import type { InstalledRelease } from './format/installed-release.ts';
import { removeHookRecord } from './hooks/record.ts';
import {
  type Generation,
  readGeneration,
  releaseOf,
  unlessBroken,
} from './install/generations.ts';
import { collectGarbage } from './install/garbage.ts';
import { type Journal, removeJournal } from './install/journal.ts';
import { clearStaging } from './install/store.ts';
import type { Trouble } from './state/trouble.ts';
import { formatTime } from './format/time.ts';
import { ifPossible, type Session } from './session.ts';
import { addHistory, type HistoryEntry } from './state/history.ts';
import { type LastCheck, readLastCheck, writeLastCheck } from './state/last-check.ts';
import { rememberRefused } from './state/refused.ts';
import { readState, writeState } from './state/state-store.ts';
import { errorRecord } from './terminal/output.ts';

/** Step 15: what a run leaves behind, whatever its end was. */

/**
 * What follows a commit. The journal goes last: until then a later run does all of this again, and each part
 * of it may be done twice.
 */
export async function finishCommit(
  session: Session,
  journal: Journal,
): Promise<Generation> {
  const { fx, config, layout } = session;
  const generation = await readGeneration(fx.files, layout, journal.to);
  const { release, entries } = generation;
  if (release !== undefined) await raiseFloor(session, release);
  await session.log(
    'release-current',
    `generation ${generation.generation} is current: ${nameOf(generation)}`,
  );
  await addHistory(fx.files, config.stateDir, {
    ...historyHead(session),
    event: 'installed',
    version: releaseOf(generation)?.version,
    fromVersion: await versionOf(session, journal.from),
    generation: generation.generation,
    components: entries.flatMap((entry) =>
      entry.version === undefined ? [] : [{ name: entry.name, version: entry.version }],
    ),
    ...attachmentsOf(release),
    downloadedBytes: journal.downloaded_bytes,
    started: journal.started,
  });
  if (journal.by_hand === true) await refuseLeft(session, journal.from, generation);
  await removeHookRecord(fx.files, config.stateDir);
  await clearStaging(session);
  await collectGarbage(session, config.keep);
  await removeJournal(fx.files, config.stateDir);
  return generation;
}

/** What was left by hand does not come again with the next run. */
async function refuseLeft(
  session: Session,
  from: number | null,
  to: Generation,
): Promise<void> {
  const { fx, layout } = session;
  if (from === null) return;
  const left = await unlessBroken(readGeneration(fx.files, layout, from));
  const reason = { message: `rolled back by hand to ${nameOf(to)}`, output: '' };
  if (left !== null) await rememberRefused(session, releaseOf(left), reason);
}

/** A release that was taken back, with what was wrong with it. */
export async function noteReturn(
  session: Session,
  failed: Generation,
  restored: Generation | null,
  reason: Trouble,
): Promise<void> {
  const { fx, config } = session;
  await session.log(
    'release-returned',
    `${nameOf(failed)}: ${reason.message}\n${reason.output}`,
  );
  await ifPossible(session, () =>
    addHistory(fx.files, config.stateDir, {
      ...historyHead(session),
      event: 'returned',
      version: releaseOf(restored)?.version,
      fromVersion: releaseOf(failed)?.version,
      generation: restored?.generation ?? 0,
      message: reason.message,
      output: reason.output,
    }),
  );
}

/** `quantix-os 1.4.2`, or what stands in for it. */
export function nameOf(generation: Generation | null): string {
  const release = releaseOf(generation);
  if (generation === null) return 'nothing';
  if (release === undefined) return 'what the appliance came with';
  return `${release.product} ${release.version}`;
}

async function versionOf(
  { fx, layout }: Session,
  number: number | null,
): Promise<string | undefined> {
  if (number === null) return undefined;
  return releaseOf(await unlessBroken(readGeneration(fx.files, layout, number)))?.version;
}

/** A floor counts from the moment its release is committed, and never goes down. */
export async function raiseFloor(
  session: Session,
  release: InstalledRelease,
): Promise<void> {
  const { repository, product, floor = 0 } = release;
  const { fx, config } = session;
  const state = await readState(fx.files, config.stateDir);
  const memory = state.repositories[repository];
  if (memory === undefined || floor <= (memory.floors[product] ?? 0)) return;
  const floors = { ...memory.floors, [product]: floor };
  const repositories = { ...state.repositories, [repository]: { ...memory, floors } };
  await writeState(fx.files, config.stateDir, { ...state, repositories });
}

export function historyHead({
  fx,
  config,
}: Session): Pick<HistoryEntry, 'time' | 'product' | 'channel'> {
  const time = formatTime(fx.clock.now());
  return { time, product: config.product, channel: config.channel };
}

/** For `history --attachments`. */
export function attachmentsOf(
  release: InstalledRelease | undefined,
): Pick<HistoryEntry, 'attachments'> {
  if (release?.attachments === undefined) return {};
  const attachments = release.attachments.map(
    ({ name: kind, media_type: mediaType, sha256, size }) => ({
      kind,
      ...(mediaType === undefined ? {} : { mediaType }),
      sha256,
      size,
    }),
  );
  return { attachments };
}

/** The last check is told by `status`; it is written at every run and therefore not synced. */
export async function noteSuccess(
  session: Session,
  version: string,
  { upToDate, installed }: { upToDate: boolean; installed: boolean },
): Promise<void> {
  const { fx, config } = session;
  await writeLastCheck(fx, config.stateDir, {
    time: formatTime(fx.clock.now()),
    result: upToDate ? 'up-to-date' : 'available',
    version,
    ...(installed ? { installed } : {}),
  });
  await forgetRefusal(session);
}

/** What was last refused is no error of this host any more. */
export async function forgetRefusal({ fx, config }: Session): Promise<void> {
  const { stateDir } = config;
  const state = await readState(fx.files, stateDir);
  if (state.last_refusal !== undefined && state.last_refusal !== null)
    await writeState(fx.files, stateDir, { ...state, last_refusal: null });
  const { unkept, ...last } = (await readLastCheck(fx, stateDir)) ?? {};
  if (unkept !== undefined) await writeLastCheck(fx, stateDir, last as LastCheck);
}

/**
 * What was refused is kept for `status`, `history` and the log; a failing disk does not hide the reason. `offered` is
 * the version that was found before. The same "not now" is told once, however often cron hears it.
 */
export async function noteRefusal(
  session: Session,
  error: QxError,
  offered?: string,
): Promise<void> {
  const { fx, config } = session;
  const deferred = error.code === 'deferred';
  const time = formatTime(fx.clock.now());
  const last: LastCheck = {
    time,
    ...(deferred && offered !== undefined
      ? { result: 'available', version: offered }
      : { result: deferred ? 'deferred' : 'refused' }),
  };
  await ifPossible(session, () => writeLastCheck(fx, config.stateDir, last));
  if (deferred && (await isTold(session, error))) return;
  await session.log(deferred ? 'not-now' : 'refused', JSON.stringify(errorRecord(error)));
  await ifPossible(session, async () => {
    try {
      await keepRefusal(session, error);
    } catch (trouble) {
      const unkept = { time, ...errorRecord(error) } as Refusal;
      await writeLastCheck(fx, config.stateDir, { ...last, unkept });
      throw trouble;
    }
  });
}

async function keepRefusal(session: Session, error: QxError): Promise<void> {
  const { fx, config } = session;
  const { code, exitCode, message } = error;
  await addHistory(fx.files, config.stateDir, {
    ...historyHead(session),
    event: 'refused',
    code,
    exitCode,
    message,
  });
  await rememberRefusal(session, error);
}

/** Whether `status` says it already. What was found may be the hour, and differs each time. */
async function isTold({ fx, config }: Session, error: QxError): Promise<boolean> {
  const state = await readState(fx.files, config.stateDir).catch(() => null);
  const last = state?.last_refusal;
  const same = (['message', 'where', 'expected'] as const).every(
    (field) => last?.[field] === error[field],
  );
  return last?.exitCode === error.exitCode && same;
}

/** For `status`, until the next run that goes well. */
export async function rememberRefusal(
  { fx, config }: Session,
  error: QxError,
): Promise<void> {
  const state = await readState(fx.files, config.stateDir);
  const time = formatTime(fx.clock.now());
  const refusal = { time, ...errorRecord(error) } as Refusal;
  await writeState(fx.files, config.stateDir, { ...state, last_refusal: refusal });
}
