import { adopt } from './adopt.ts';
import type { Command } from './command.ts';
import { channel } from './channel.ts';
import { completion } from './completion.ts';
import * as config from './config.ts';
import { doctor } from './doctor.ts';
import { history } from './history.ts';
import { current, status } from './state-commands.ts';
import { apply, check, download } from './update-commands.ts';
import { metrics } from './metrics.ts';
import { gc, hold, recover, unhold } from './maintenance.ts';
import { rollback } from './rollback.ts';
import { serve } from './serve.ts';
import { markBad, markGood } from './slots.ts';
import { run } from './run.ts';
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
  channel,
  gc,
  recover,
  adopt,
  serve,
  doctor,
  metrics,
  trust.show,
  trust.add,
  config.show,
  config.check,
  config.set,
  config.importFile,
  completion,
];
