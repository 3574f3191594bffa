import fs from 'node:fs';
import process from 'node:process';
import { nodeEffects } from '../../client/effects/node.ts';
import { observe } from '../../client/effects/observe.ts';
import { startClient } from './start-client.ts';
import { leavesTrace } from './traces.ts';

/**
 * The client as main.ts starts it, with its effects watched. With QX_KILL_BEFORE=k it ends by SIGKILL right
 * before its effect k that leaves a trace; with QX_EFFECTS=FILE it writes down each effect before it happens,
 * one line of JSON each: its name, then those of its arguments that are text.
 */
const killBefore = Number(process.env.QX_KILL_BEFORE ?? Infinity);
const file = process.env.QX_EFFECTS;
const log = file === undefined ? null : fs.openSync(file, 'w');
let count = 0;

const fx = observe(nodeEffects(process.env), ({ name, args }) => {
  if (leavesTrace(name, args)) count += 1;
  if (count >= killBefore) process.kill(process.pid, 'SIGKILL');
  const words = args.filter((each) => typeof each === 'string');
  if (log !== null) fs.writeSync(log, `${JSON.stringify([name, ...words])}\n`);
});

startClient(fx);
