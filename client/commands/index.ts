import { adopt } from './adopt.ts';
import type { Command } from './command.ts';
import * as config from './config.ts';
import { current, history, status } from './state-commands.ts';
import { apply, check, download, run } from './update-commands.ts';
import { gc, hold, recover, unhold } from './maintenance.ts';
import { rollback } from './rollback.ts';
import { markBad, markGood } from './slots.ts';
import * as trust from './trust.ts';
import { verify } from './verify.ts';

/** The command table in the order in which --help prints it. */
export const COMMANDS: readonly Command[] = [
  check,
  download,
  apply,
  run,
  current,
  status,
  history,
  verify,
  rollback,
  markGood,
  markBad,
  hold,
  unhold,
  gc,
  recover,
  adopt,
  trust.show,
  trust.add,
  config.show,
  config.check,
  config.set,
  config.importFile,
];
