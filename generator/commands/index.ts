import type { Command } from './command.ts';
import { bundle } from './bundle.ts';
import { completion } from './completion.ts';
import { dev } from './dev.ts';
import { diff } from './diff.ts';
import { generate } from './generate.ts';
import { init } from './init.ts';
import { keygen } from './keygen.ts';
import { lint } from './lint.ts';
import { point } from './point.ts';
import { preflight } from './preflight.ts';
import { promote } from './promote.ts';
import { prune } from './prune.ts';
import { pull } from './pull.ts';
import { rollout } from './rollout.ts';
import { rootAddKey } from './root-add-key.ts';
import { rootCosign } from './root-cosign.ts';
import { rootRemoveKey } from './root-remove-key.ts';
import { rootRotate } from './root-rotate.ts';
import { rootSetExpiry } from './root-set-expiry.ts';
import { rootSetFloor } from './root-set-floor.ts';
import { rootSetThreshold } from './root-set-threshold.ts';
import { rootShow } from './root-show.ts';
import { schema } from './schema.ts';
import { serve } from './serve.ts';
import { sign } from './sign.ts';
import { verify } from './verify.ts';
import { withdraw } from './withdraw.ts';

/** The command table in the order in which --help prints it. */
export const COMMANDS: readonly Command[] = [
  init,
  keygen,
  pull,
  generate,
  point,
  promote,
  rollout,
  withdraw,
  sign,
  verify,
  lint,
  preflight,
  prune,
  bundle,
  diff,
  serve,
  dev,
  rootShow,
  rootAddKey,
  rootRemoveKey,
  rootRotate,
  rootSetThreshold,
  rootSetFloor,
  rootSetExpiry,
  rootCosign,
  schema,
  completion,
];
