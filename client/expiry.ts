import type { Config } from './config/config.ts';
import type { Effects } from './effects/effects.ts';
import { type ClientState, newRepositoryMemory } from './format/client-state.ts';
import { formatTime } from './format/time.ts';
import { parsePointer, type Pointer } from './format/pointer.ts';
import { unlessBroken } from './install/generations.ts';
import type { Trusted } from './look.ts';
import {
  type ExpiryWarning,
  expiryWarnings,
  type Life,
  pointerLife,
  rootLife,
} from './policy/expiry.ts';
import { isDue, trustedNow } from './policy/memory.ts';
import { ifPossible, type Session } from './session.ts';
import { readState, writeState } from './state/state-store.ts';
import { readSeenPointer, readTrustedRoot } from './state/trust-store.ts';

/** When what this host trusts expires, as RFC 3339; null for what it does not have or cannot read. */
export interface Expiry {
  pointerExpires: string | null;
  rootExpires: string | null;
  warnings: ExpiryWarning[];
}

/** For `status`, from what is stored alone. */
export async function describeExpiry(
  { files, clock }: Pick<Effects, 'files' | 'clock'>,
  { stateDir, trustRoot, product, channel }: Config,
  state: ClientState,
): Promise<Expiry> {
  const trust = await unlessBroken(readTrustedRoot(files, stateDir, trustRoot));
  if (trust === null) return { pointerExpires: null, rootExpires: null, warnings: [] };
  const { trusted } = trust;
  const memory =
    state.repositories[trusted.repository] ?? newRepositoryMemory(trusted.version);
  const want = { product, channel };
  const pointer = await unlessBroken(readPointer(files, stateDir, memory, want));
  const nowMs = trustedNow(clock.now(), memory);
  const lives: Life[] = [rootLife(trusted, memory, nowMs)];
  if (pointer !== null) lives.unshift(pointerLife(pointer));
  return {
    pointerExpires: pointer?.expires ?? null,
    rootExpires: trusted.expires,
    warnings: expiryWarnings(lives, nowMs),
  };
}

/** One that a newer client accepted may be none for this one. */
async function readPointer(
  ...of: Parameters<typeof readSeenPointer>
): Promise<Pointer | null> {
  const seen = await readSeenPointer(...of);
  return seen === null ? null : parsePointer(seen.bytes);
}

/** What expires soon is said to people and to the log, at most once a day. */
export async function warnOfExpiry(
  session: Session,
  { root, pointer, nowMs }: Pick<Trusted, 'root' | 'pointer' | 'nowMs'>,
): Promise<void> {
  const { fx, config, out, log } = session;
  const state = await readState(fx.files, config.stateDir);
  const memory = state.repositories[root.repository];
  if (memory === undefined) return;
  const lives = [pointerLife(pointer), rootLife(root, memory, nowMs)];
  const warnings = expiryWarnings(lives, nowMs);
  const clock = fx.clock.now();
  if (warnings.length === 0 || !isDue(memory.warned, clock)) return;
  for (const { message } of warnings) {
    out.warn(message);
    await log('expires-soon', message);
  }
  const warned = { ...memory, warned: formatTime(clock) };
  const repositories = { ...state.repositories, [root.repository]: warned };
  await ifPossible(session, async () => {
    await writeState(fx.files, config.stateDir, { ...state, repositories });
  });
}
