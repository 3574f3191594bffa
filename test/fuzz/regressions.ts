import fs from 'node:fs';
import path from 'node:path';
import { ROOT } from '../support/setup.mjs';
import type { Failure } from './engine.ts';

const FOLDER = path.join(ROOT, 'test/vectors/regressions');

export interface Regression {
  target: string;
  /** "deep-nesting.malformed": what it is, and the verdict that it must get. */
  name: string;
  input: Buffer;
}

/** Inputs that were hard once, and those with which a run failed. */
export function regressions(): Regression[] {
  const folders = fs.readdirSync(FOLDER, { withFileTypes: true });
  const targets = folders.filter((each) => each.isDirectory()).map(({ name }) => name);
  return targets.sort().flatMap(regressionsOf);
}

function regressionsOf(target: string): Regression[] {
  const folder = path.join(FOLDER, target);
  const names = fs.readdirSync(folder).sort();
  return names.map((name) => ({
    target,
    name,
    input: fs.readFileSync(path.join(folder, name)),
  }));
}

/** Keeps the input of a failure, to be committed with what mends it. Its path in the project. */
export function keepFailure({ target, seed, number, input }: Failure): string {
  const file = path.join(FOLDER, target, `seed-${seed}-case-${number}.found`);
  fs.mkdirSync(path.dirname(file), { recursive: true });
  fs.writeFileSync(file, input);
  return path.relative(ROOT, file);
}
