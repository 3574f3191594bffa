import type { Target } from '../engine.ts';
import { bootTargets } from './boot.ts';
import { configurationTargets } from './configuration.ts';
import { documentTargets } from './documents.ts';
import { httpTargets } from './http.ts';
import { signatureTargets } from './signatures.ts';
import { tarTargets } from './tar.ts';

/** Every target, by the group that one file of tests runs. */
export const GROUPS: Readonly<Record<string, readonly Target[]>> = {
  documents: documentTargets,
  signatures: signatureTargets,
  tar: tarTargets,
  http: httpTargets,
  boot: bootTargets,
  configuration: configurationTargets,
};

export const TARGETS: readonly Target[] = Object.values(GROUPS).flat();

export function targetNamed(name: string): Target {
  const target = TARGETS.find((each) => each.name === name);
  if (target === undefined) throw new Error(`no target "${name}"`);
  return target;
}
