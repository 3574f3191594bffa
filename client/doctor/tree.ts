import { newRepositoryMemory } from '../format/client-state.ts';
import { unlessBroken } from '../install/generations.ts';
import { trustedNow, underRoot } from '../policy/memory.ts';
import { checkSerial } from '../policy/pointer-policy.ts';
import { checkPointerExpiry, readSignedPointer } from '../reader/pointer.ts';
import { checkRootExpiry, walkRoots } from '../reader/roots.ts';
import type { Fetched, Source } from '../reader/source.ts';
import type { Session } from '../session.ts';
import { readState } from '../state/state-store.ts';
import { pointerSlot, readTrustedRoot } from '../state/trust-store.ts';
import { type Finding, ok, warn } from './finding.ts';

/**
 * What a run would make of the roots and the pointer that one mirror has: steps 4 and 5, and nothing of it is kept.
 * Throws the QxError that a run would refuse this mirror with.
 */
export async function treeFindings(
  { fx, config, signal }: Session,
  source: Source,
  got: Extract<Fetched, { status: 'found' }>,
): Promise<Finding[]> {
  const { stateDir, trustRoot, product, channel } = config;
  const trust = await unlessBroken(readTrustedRoot(fx.files, stateDir, trustRoot));
  const state = await unlessBroken(readState(fx.files, stateDir));
  // Which of them is broken, and what to do, has a line of its own.
  if (trust === null || state === null) return [];
  const { trusted } = trust;
  const { repository } = trusted;
  const root = await walkRoots(source, trusted, () => Promise.resolve(), signal);
  const kept = state.repositories[repository] ?? newRepositoryMemory(trusted.version);
  const clock = fx.clock.now();
  const nowMs = trustedNow(clock, underRoot(kept, trusted, root, clock));
  checkRootExpiry(root, nowMs);
  const want = { repository, product, channel };
  const { pointer, sha256 } = await readSignedPointer(source, root, want, got, signal);
  checkPointerExpiry(pointer, nowMs, got.url);
  const findings = [
    ok(source.base, `serial ${pointer.serial}, good until ${pointer.expires}`),
  ];
  if (root === trusted) {
    checkSerial(kept.pointers[pointerSlot(want)], pointer, sha256, got.url);
    return findings;
  }
  // Another root may forget a serial (README, "After a theft"): the run that walks there decides.
  return [
    warn(
      source.base,
      `has trust root ${root.version}; this host still goes by ${trusted.version}`,
      '"qx-update check" accepts it now; a run does when the pointer changes, and once a day',
    ),
    ...findings,
  ];
}
