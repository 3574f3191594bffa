import type { Effects } from '../effects/effects.ts';
import { QxError } from '../format/error.ts';
import type { BootState } from './boot-state.ts';

export interface BootReading {
  state: BootState;
  /** Copies that could be read. With 0, `state` is what the boot loader goes by without any. */
  readable: number;
}

/** Where the boot loader and the client tell each other what is booted next. One boot loader, one of these. */
export interface BootEnvironment {
  /** QxError `config` where this host has no such environment. */
  read(): Promise<BootReading>;
  /**
   * One durable write: a crash leaves the state before or this one. QxError `disk` when it does not read back,
   * `local-state` when the environment takes no further state.
   */
  write(state: BootState): Promise<void>;
  /** A file of it that processes take turns by: a mark and an installation must not undo each other. */
  readonly lockPath: string;
}

const TURN_MS = 50;
const TURNS = 100;

/**
 * Reads, takes one step, and writes where that changed something, while no other process does. The step's refusals
 * pass through; QxError `locked` when it is never our turn.
 */
export async function change(
  { files, clock }: Pick<Effects, 'files' | 'clock'>,
  environment: BootEnvironment,
  step: (state: BootState) => BootState,
): Promise<BootState> {
  // Where there is none, taking the lock would make a part of one.
  await environment.read();
  for (let turn = 0; turn < TURNS; turn += 1) {
    const lock = await files.lock(environment.lockPath);
    if (lock !== null) return changeNow(environment, step).finally(() => lock.release());
    await clock.sleep(TURN_MS);
  }
  throw new QxError('locked', 'another process changes the boot environment', {
    where: environment.lockPath,
    found: `no end of it in ${(TURN_MS * TURNS) / 1000} seconds`,
  });
}

async function changeNow(
  environment: BootEnvironment,
  step: (state: BootState) => BootState,
): Promise<BootState> {
  const { state, readable } = await environment.read();
  const after = step(state);
  // What was never written down is written even when the step changed nothing.
  if (readable > 0 && JSON.stringify(after) === JSON.stringify(state)) return state;
  await environment.write(after);
  return after;
}
