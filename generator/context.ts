import type { Effects } from '../client/effects/effects.ts';
import type { Output } from '../client/terminal/output.ts';

/** Standard input, for passwords only. */
export interface ConsoleInput {
  /** False where nobody can be asked. */
  isTerminal: boolean;
  readAll(): Promise<Buffer>;
  /** One line that is not echoed; the question goes to standard error. */
  askHidden(question: string): Promise<Buffer>;
}

/** Everything that a command may use of the world around it. */
export interface Context {
  effects: Effects;
  env: Readonly<Record<string, string | undefined>>;
  /** Absolute; paths in flags are relative to it. */
  cwd: string;
  output: Output;
  input: ConsoleInput;
  /** How this run is named to another one that waits for it: "process 4711". */
  who: string;
  /** Compressors that run side by side unless --jobs says otherwise. */
  workers: number;
  /** Where repo-template may lie, the first that exists counts. */
  templates: readonly string[];
  /** Where a qx-update of the same build may lie, the first that exists counts. */
  clients: readonly string[];
}
