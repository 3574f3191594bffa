import type { ClientState, RefusedRelease } from '../format/client-state.ts';
import { QxError } from '../format/error.ts';
import type { InstalledRelease } from '../format/installed-release.ts';
import type { Trouble } from './trouble.ts';
import { formatTime } from '../format/time.ts';
import type { Session } from '../session.ts';
import { readState, writeState } from './state-store.ts';

/** Releases that are remembered at the most; the oldest is forgotten first. */
const REFUSED_MAX = 32;

/** Remembers that this host took a release back, until the channel points to another one. */
export async function rememberRefused(
  session: Session,
  release: InstalledRelease | undefined,
  reason: Trouble,
): Promise<void> {
  if (release === undefined) return;
  const { product, channel, version, manifest } = release;
  const time = formatTime(session.fx.clock.now());
  const { message, output } = reason;
  await change(session, (refused) => [
    ...refused.filter((each) => each.manifest !== manifest),
    { product, channel, version, manifest, time, reason: message, output },
  ]);
}

/** --retry-refused: this release may be tried again. */
export async function forgetRefused(session: Session, manifest: string): Promise<void> {
  await change(session, (refused) =>
    refused.filter((each) => each.manifest !== manifest),
  );
}

/** Step 7: a release that failed here before is not tried again by itself: QxError `deferred`. */
export function checkNotRefused({ refused = [] }: ClientState, manifest: string): void {
  const known = refused.find((each) => each.manifest === manifest);
  if (known !== undefined) throw takenBackError(known);
}

/** The same of the version that a look has found in the channel. */
export function checkVersionNotRefused(
  { refused = [] }: ClientState,
  { product, channel }: { product: string; channel: string },
  version: string | undefined,
): void {
  const known = refused.find(
    (each) =>
      each.product === product && each.channel === channel && each.version === version,
  );
  if (known !== undefined) throw takenBackError(known);
}

function takenBackError({ version, time, reason }: RefusedRelease): QxError {
  return new QxError(
    'deferred',
    `refused: ${version} was taken back on this host before`,
    {
      where: `refused at ${time}`,
      found: reason,
      hint: 'it is tried again when the channel moves on, or with "qx-update apply --retry-refused"',
    },
  );
}

/** The channel has moved on to a release that did not fail here: what failed on it before is forgotten. */
export async function forgetChannel(session: Session): Promise<void> {
  const { product, channel } = session.config;
  await change(session, (all) =>
    all.filter((each) => each.product !== product || each.channel !== channel),
  );
}

async function change(
  { fx, config }: Session,
  edit: (refused: RefusedRelease[]) => RefusedRelease[],
): Promise<void> {
  const state = await readState(fx.files, config.stateDir);
  const before = state.refused ?? [];
  const after = edit(before).slice(-REFUSED_MAX);
  const same =
    after.length === before.length && after.every((each, at) => each === before[at]);
  if (!same) await writeState(fx.files, config.stateDir, { ...state, refused: after });
}
