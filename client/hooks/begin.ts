import type { InstalledRelease } from '../format/installed-release.ts';
import type { Component } from '../format/manifest.ts';
import { asInstalled } from '../install/install.ts';
import type { Available } from '../offer.ts';
import { listIfThere } from '../effects/durable.ts';
import type { Session } from '../session.ts';
import { checkNamedHooks, type Phase, PHASES } from './find.ts';
import { type HookRecord, writeHookRecord } from './record.ts';
import { namingOf, runHooks, stoppedError } from './run.ts';

/** The update that hooks are asked about. */
export interface Subject {
  kind: HookRecord['kind'];
  release: InstalledRelease;
  from: string | undefined;
  components: readonly Component[];
  /** Of the new components, once they are unpacked. */
  generation?: number;
}

/** Null on a host without hooks, for a release that names none: then nothing of all this happens. */
export async function recordFor(
  session: Session,
  subject: Subject,
): Promise<HookRecord | null> {
  const { fx, config } = session;
  const folders = await listIfThere(fx.files, config.hooksDir);
  const none = !PHASES.some((phase) => folders.includes(phase));
  if (none && subject.components.every(({ hooks = [] }) => hooks.length === 0))
    return null;
  const { product, channel, version, release, manifest } = subject.release;
  return {
    type: 'hooks',
    format: 1,
    stage: 'begun',
    run: fx.random.bytes(8).toString('hex'),
    kind: subject.kind,
    product,
    channel,
    from: subject.from ?? null,
    to: version,
    release,
    manifest,
    components: subject.components.map(asTold),
    ...(subject.generation === undefined ? {} : { generation: subject.generation }),
  };
}

function asTold(component: Component): HookRecord['components'][number] {
  const {
    name,
    version,
    kind,
    install_path,
    restart_service: service,
    hooks,
  } = component;
  return {
    name,
    version,
    kind,
    install_path,
    content: component.content.sha256,
    ...(service === undefined ? {} : { service }),
    ...(hooks === undefined ? {} : { hooks }),
  };
}

/** pre-check: asked before anything is fetched, and with nothing to take back. QxError 75 or 40. */
export async function askBefore(session: Session, subject: Subject): Promise<void> {
  const record = await recordFor(session, subject);
  if (record === null) return;
  await checkNamedHooks(session, namingOf(session, record));
  await ask(session, record, ['pre-check']);
}

/**
 * The phases before a switch. What they begin is written down first, so that it is taken back whatever ends this run.
 * QxError 75 or 40 when a hook says no.
 */
export async function beginHooks(
  session: Session,
  subject: Subject,
  phases: readonly Phase[],
): Promise<HookRecord | null> {
  const record = await recordFor(session, subject);
  if (record === null) return null;
  await writeHookRecord(session.fx.files, session.config.stateDir, record);
  await checkNamedHooks(session, namingOf(session, record));
  await ask(session, record, phases);
  return record;
}

export async function ask(
  session: Session,
  record: HookRecord,
  phases: readonly Phase[],
): Promise<void> {
  for (const phase of phases) {
    const trouble = await runHooks(session, phase, record);
    if (trouble !== null)
      throw stoppedError(trouble, `${session.config.hooksDir}/${phase}`);
  }
}

/** What the hooks are asked about, as the channel offers it. */
export function subjectOf(offer: Available, kind: HookRecord['kind']): Subject {
  const { manifest, installedVersion: from } = offer;
  return { kind, release: asInstalled(offer), from, components: manifest.components };
}
