import { listIfThere } from '../effects/durable.ts';
import { QxError } from '../format/error.ts';
import type { Component } from '../format/manifest.ts';
import { componentFile, hookFile } from '../services/command-probe.ts';
import { FACTS_FOLDER } from '../services/facts.ts';
import type { Session } from '../session.ts';

/** Moments of an update at which programs of the host are asked; folders of these names lie in hooks.d. */
export const PHASES = [
  'pre-check',
  'pre-install',
  'drain',
  'pre-reboot',
  'post-install',
  'post-boot',
  'on-failure',
] as const;
export type Phase = (typeof PHASES)[number];

export interface Hook {
  /** "drain/50-guests", and for one of a component "qx-node: drain/50-guests". */
  label: string;
  path: string;
}

/** A component that names hooks, and where its content lies while it is unpacked. */
export interface Naming {
  component: Pick<Component, 'name' | 'kind' | 'hooks'>;
  content: string | null;
}

type Place = Pick<Session, 'fx' | 'config'>;

/**
 * The hooks of a phase: every file of the host's folder in the order of their names, then those that components
 * bring along. QxError `config` for one that is there and may not be run.
 */
export async function findHooks(
  place: Place,
  phase: Phase,
  named: readonly Naming[],
): Promise<Hook[]> {
  const own = await hostHooks(place, phase);
  const brought: Hook[] = [];
  for (const { component, content } of named) {
    for (const name of component.hooks ?? []) {
      const label = `${component.name}: ${phase}/${name}`;
      const path = await broughtFile(place, component, content, phase, name);
      if (path !== null) brought.push({ label, path });
    }
  }
  return [...own, ...brought];
}

async function hostHooks({ fx, config }: Place, phase: Phase): Promise<Hook[]> {
  const folder = `${config.hooksDir}/${phase}`;
  const hooks: Hook[] = [];
  for (const name of await visible({ fx }, folder)) {
    const file = await hookFile(fx, folder, name);
    if ('refused' in file) throw notRunnable(`${folder}/${name}`, file.refused);
    hooks.push({ label: `${phase}/${name}`, path: file.path });
  }
  return hooks;
}

async function visible({ fx }: Pick<Session, 'fx'>, folder: string): Promise<string[]> {
  return (await listIfThere(fx.files, folder)).filter((name) => !name.startsWith('.'));
}

async function broughtFile(
  { fx }: Place,
  component: Naming['component'],
  content: string | null,
  phase: Phase,
  name: string,
): Promise<string | null> {
  if (content === null || component.kind !== 'directory') return null;
  const inside = `hooks/${phase}/${name}`;
  if ((await fx.files.info(`${content}/${inside}`)) === null) return null;
  const file = await componentFile(fx, content, component, `./${inside}`);
  if ('refused' in file) throw notRunnable(`${content}/${inside}`, file.refused);
  return file.path;
}

function notRunnable(where: string, found: string): QxError {
  return new QxError('config', 'a hook cannot be run', {
    where,
    found,
    hint: 'nothing was changed; "chmod 755" it and give it to root, or move it away',
  });
}

/**
 * Looks, before anything is fetched, whether all hooks of the host may be run: a failed update needs the last of them
 * as well. QxError `config` for one that may not, and for a folder that is neither a phase nor `facts`.
 */
export async function checkHostHooks({ fx, config }: Place): Promise<void> {
  const { hooksDir } = config;
  for (const name of await visible({ fx }, hooksDir)) {
    const info = await fx.files.info(`${hooksDir}/${name}`);
    if (isPhase(name)) await hostHooks({ fx, config }, name);
    else if (info?.type === 'directory' && name !== FACTS_FOLDER)
      throw noPhase(`${hooksDir}/${name}`);
  }
}

function isPhase(name: string): name is Phase {
  return (PHASES as readonly string[]).includes(name);
}

function noPhase(where: string): QxError {
  return new QxError('config', 'a folder of hooks is named after no phase', {
    where,
    expected: `one of ${PHASES.join(', ')}; or ${FACTS_FOLDER}`,
    hint: 'nothing was changed; rename or remove it',
  });
}

/**
 * QxError `not-for-host` for a hook that a component names and that neither the host has nor its content, `config` for one
 * in its content that may not be run.
 */
export async function checkNamedHooks(
  place: Place,
  named: readonly Naming[],
): Promise<void> {
  for (const phase of PHASES) await findHooks(place, phase, named);
  for (const { component, content } of named) {
    for (const name of component.hooks ?? []) {
      if (await isSomewhere(place, component, content, name)) continue;
      throw new QxError('not-for-host', `${component.name}: a hook is not there`, {
        where: place.config.hooksDir,
        expected: `a file "${name}" in the folder of a phase, or hooks/<phase>/${name} in the component`,
        hint: 'nothing was changed; the release is for hosts that have this hook',
      });
    }
  }
}

async function isSomewhere(
  { fx, config }: Place,
  { kind }: Naming['component'],
  content: string | null,
  name: string,
): Promise<boolean> {
  const folders = [config.hooksDir];
  if (kind === 'directory') {
    // What is not unpacked yet is looked into once it is.
    if (content === null) return true;
    folders.push(`${content}/hooks`);
  }
  for (const folder of folders) {
    for (const phase of PHASES)
      if ((await fx.files.info(`${folder}/${phase}/${name}`)) !== null) return true;
  }
  return false;
}
