import { canBeTried, type Slot, SLOTS, type SlotState } from '../boot/boot-state.ts';
import type { Booted } from '../boot/booted.ts';
import type { Config } from '../config/config.ts';
import type { Files } from '../effects/effects.ts';
import type { ClientState } from '../format/client-state.ts';
import { QxError } from '../format/error.ts';
import { bootedIfKnown, openEnvironment } from './host-slots.ts';
import { recordOf, runningVersion } from './system.ts';

/** One slot as `status` tells it. */
export interface SlotReport {
  state: SlotState['kind'];
  triesLeft: number;
  version: string | null;
  /** Digest of the image, where this client wrote it. */
  sha256: string | null;
}

export interface SlotsReport {
  booted: Slot;
  reason: Booted['reason'];
  next: Slot;
  /** The next boot is another system's. */
  rebootPending: boolean;
  a: SlotReport;
  b: SlotReport;
}

/** Both slots, or why they cannot be told; null on a host that has none. */
export async function describeSlots(
  files: Files,
  config: Config,
  state: ClientState,
): Promise<SlotsReport | QxError | null> {
  const booted = await bootedIfKnown(files, config);
  if (booted === null) return null;
  try {
    const boot = (await openEnvironment(files, config).read()).state;
    const { next } = boot;
    const report = async (slot: Slot): Promise<SlotReport> => {
      const { kind, triesLeft } = boot.slots[slot];
      const record = kind === 'none' ? null : await recordOf(files, config, slot, state);
      const said =
        slot === booted.slot ? await runningVersion(files, config) : state.ran?.[slot];
      const version = record?.release.version ?? (kind === 'none' ? null : said) ?? null;
      return { state: kind, triesLeft, version, sha256: record?.content ?? null };
    };
    const [a, b] = [await report('A'), await report('B')];
    const rebootPending = next !== booted.slot && canBeTried(boot.slots[next]);
    return { booted: booted.slot, reason: booted.reason, next, rebootPending, a, b };
  } catch (error) {
    if (error instanceof QxError) return error;
    throw error;
  }
}

/** The same as lines for a person. */
export function slotLines(report: SlotsReport | QxError): string[] {
  if (report instanceof QxError) {
    const where = report.where === undefined ? '' : ` (${report.where})`;
    return [`slots: ${report.message}${where}`];
  }
  const { booted, reason, next, rebootPending } = report;
  return SLOTS.map((slot) => {
    const { state, triesLeft, version } = slot === 'A' ? report.a : report.b;
    const tries = state === 'bad' || state === 'none' ? '' : `, ${triesLeft} tries left`;
    const runs = slot === booted ? `, runs (${reason ?? 'reason not said'})` : '';
    const waits = slot === next && rebootPending ? ', next at the reboot' : '';
    return `slot ${slot}: ${version ?? 'version unknown'}, ${state}${tries}${runs}${waits}`;
  });
}
