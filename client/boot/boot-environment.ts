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
}

/** Reads, takes one step, and writes where that changed something. The step's refusals pass through. */
export async function change(
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
