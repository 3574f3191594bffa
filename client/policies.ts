import type { Manifest } from './format/manifest.ts';
import { formatTime } from './format/time.ts';
import type { Trusted } from './look.ts';
import { standingOf } from './policy/dependencies.ts';
import { checkHold } from './policy/hold.ts';
import { checkPaused } from './policy/pointer-policy.ts';
import {
  checkDirection,
  type HostFacts,
  RELEASE_CHECKS,
} from './policy/release-policy.ts';
import { checkTurn, placeOf, shareAt } from './policy/rollout.ts';
import { nextStone } from './policy/via.ts';
import { checkWindows, openingOf } from './policy/window.ts';
import type { Session } from './session.ts';
import { hostId } from './state/host-id.ts';
import { checkNotRefused } from './state/refused.ts';
import { readState } from './state/state-store.ts';

type Data = Record<string, unknown>;

/** One question about a release on this host. The same objects let a run pass and tell `--explain` why. */
export interface Policy {
  name: string;
  /** What the answer was found with. */
  data: () => Data | Promise<Data>;
  /** Throws a QxError where the answer is no. */
  check: () => void | Promise<void>;
}

/** The release that a pointer names, by the SHA-256 of this host's manifest. */
export interface Subject {
  trusted: Trusted;
  release: string;
  installedVersion: string | undefined;
  /** Somebody does not want to wait for a turn or a window. */
  now: boolean;
}

/** The first no is thrown. */
export async function checkAll(policies: readonly Policy[]): Promise<void> {
  for (const policy of policies) await policy.check();
}

/** Step 7, of the pointer. */
export function pointerPolicies(session: Session, subject: Subject): Policy[] {
  const { trusted, installedVersion } = subject;
  const { pointer, where } = trusted;
  return [
    {
      name: 'direction',
      data: () => ({
        installed: installedVersion ?? null,
        offered: pointer.version,
        rollback: pointer.rollback ?? false,
      }),
      check: () => checkDirection(pointer, installedVersion, where),
    },
    {
      name: 'paused',
      data: () => ({ paused: pointer.paused ?? false, message: pointer.message ?? null }),
      check: () => checkPaused(pointer, where),
    },
    rolloutPolicy(session, subject),
    {
      name: 'via',
      data: () => ({
        via: (pointer.via ?? []).map(({ version }) => version),
        next: nextStone(pointer, installedVersion)?.version ?? null,
      }),
      // It leads elsewhere, and shuts nobody out.
      check: () => undefined,
    },
  ];
}

function rolloutPolicy(
  { fx, config }: Session,
  { trusted: { pointer, nowMs, where }, release, now }: Subject,
): Policy {
  const { rollout } = pointer;
  const { groups } = config;
  return {
    name: 'rollout',
    data: async () => {
      if (rollout === undefined) return { rollout: null };
      const place = placeOf(await hostId(fx, config), release);
      return { rollout, groups, place, share: shareAt(rollout, nowMs), now };
    },
    check: async () => {
      if (rollout === undefined || now) return;
      const host = { id: await hostId(fx, config), groups };
      checkTurn(rollout, release, host, nowMs, where);
    },
  };
}

/** Step 9, of the release. */
export function releasePolicies(
  manifest: Manifest,
  host: HostFacts,
  where: string,
): Policy[] {
  const data = releaseData(manifest, host);
  return Object.entries(RELEASE_CHECKS).map(([name, check]) => ({
    name,
    data: () => data[name] ?? {},
    check: () => check(manifest, host, where),
  }));
}

function releaseData(manifest: Manifest, host: HostFacts): Record<string, Data> {
  const { allowPaths, allowServices, known } = host;
  return {
    floor: { release: manifest.release, floor: host.floor },
    compatible: { wanted: manifest.compatible ?? null, host: host.compatible },
    min_version: {
      wanted: manifest.min_version ?? null,
      installed: host.installedVersion ?? null,
    },
    dependencies: {
      dependencies: (manifest.dependencies ?? []).map((each) => {
        const { standing, found = null } = standingOf(each, manifest, known);
        return { ...each, standing, found };
      }),
    },
    full_image: { image: manifest.full_image !== undefined, slots: host.slots },
    components: { allowPaths, allowServices },
  };
}

/** Step 7, of this host: what somebody said here, and what it learned by itself. */
export function hostPolicies({ fx, config }: Session, release: string): Policy[] {
  const state = () => readState(fx.files, config.stateDir);
  return [
    {
      name: 'hold',
      data: async () => ({ hold: (await state()).hold ?? null }),
      check: async () => checkHold((await state()).hold ?? undefined, fx.clock.now()),
    },
    {
      name: 'refused',
      data: async () => ({
        refused: ((await state()).refused ?? []).map(({ version }) => version),
      }),
      check: async () => checkNotRefused(await state(), release),
    },
  ];
}

/** Between steps 11 and 12. */
export function windowPolicy(
  { fx, config: { windows } }: Session,
  { trusted: { pointer, nowMs }, now }: Pick<Subject, 'trusted' | 'now'>,
): Policy {
  const { deadline } = pointer;
  // A download may have taken hours.
  const moment = (): number => Math.max(nowMs, fx.clock.now());
  return {
    name: 'window',
    data: () => {
      const { open, untilMs } = openingOf(windows, moment());
      const until = untilMs === null ? null : formatTime(untilMs);
      return { windows, open, until, deadline: deadline ?? null, now };
    },
    check: () => {
      if (!now) checkWindows(windows, deadline, moment());
    },
  };
}
