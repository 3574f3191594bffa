import { type HealthResult, runHealth } from '../services/health.ts';
import { formatDuration } from '../terminal/text.ts';
import { QxError } from '../format/error.ts';
import type { Component } from '../format/manifest.ts';
import { formatTime } from '../format/time.ts';
import { inOrder, servicesToSwitch } from '../policy/restarts.ts';
import type { ServiceState } from '../services/service-manager.ts';
import { runLate } from '../hooks/take-back.ts';
import type { HookRecord } from '../hooks/record.ts';
import type { Session } from '../session.ts';
import type { Trouble } from '../state/trouble.ts';
import { type Generation, switchCurrent } from './generations.ts';
import { giveRoom, type Journal, takeRoom, writeJournal } from './journal.ts';
import { tellVersions } from './version-files.ts';

/** How it came to a switch. */
export interface How {
  downloadedBytes?: number;
  /** Somebody asked for the way back: `to` is older and stays, whatever comes of it. */
  byHand?: boolean;
  /** Services to restart, found before a hook could stop one; looked for now when they are not given. */
  services?: string[];
  /** Of the hooks that were asked before the switch. */
  hooks?: HookRecord | null;
}

const ACTION_TIMEOUT_MS = 60_000;

/**
 * Steps 12 to 14 from the switch on: journal → one rename → restarts → health → post-install. Null when all is well; the
 * journal then says "committed". Otherwise the caller goes back. From here on a run is not interrupted.
 */
export async function switchTo(
  session: Session,
  from: Generation | null,
  to: Generation,
  how: How,
): Promise<{ journal: Journal; trouble: Trouble | null; health: HealthResult[] }> {
  const { fx, config, layout } = session;
  const services = how.services ?? (await servicesToRestart(session, from, to));
  const journal: Journal = {
    type: 'journal',
    format: 1,
    phase: 'switching',
    from: from?.generation ?? null,
    to: to.generation,
    services,
    started: formatTime(fx.clock.now()),
    downloaded_bytes: how.downloadedBytes ?? 0,
    ...(how.byHand === true ? { by_hand: true } : {}),
  };

  await takeRoom(fx, config.stateDir);
  await writeJournal(fx.files, config.stateDir, journal);
  await switchCurrent(fx.files, layout, to.generation);
  await tellVersions(session, from, to);
  const { trouble: unwell, health } = await restartAndCheck(session, services, to);
  const hooks = how.hooks ?? null;
  const trouble = unwell ?? (hooks && (await runLate(session, 'post-install', hooks)));
  await giveRoom(fx.files, config.stateDir);
  if (trouble !== null) return { journal, trouble, health };
  const committed: Journal = { ...journal, phase: 'committed' };
  await writeJournal(fx.files, config.stateDir, committed);
  return { journal: committed, trouble: null, health };
}

/** A service that was stopped before stays stopped; one that crashed is none of those. */
export async function servicesToRestart(
  session: Session,
  from: Generation | null,
  to: Generation,
): Promise<string[]> {
  const services = servicesToSwitch(from, to);
  const restart: string[] = [];
  for (const [service, state] of await statesOf(session, services)) {
    if (state === 'stopped')
      session.out.say(`service ${service} is stopped and stays stopped`);
    else restart.push(service);
  }
  return restart;
}

/** Step 7: QxError `not-for-host` for a release that restarts a service which this host does not have. */
export async function checkServices(
  session: Session,
  components: readonly Component[],
): Promise<void> {
  await statesOf(
    session,
    components.flatMap(({ restart_service }) => restart_service ?? []),
  );
}

async function statesOf(
  { services: manager }: Session,
  services: readonly string[],
): Promise<Map<string, ServiceState>> {
  const states = new Map<string, ServiceState>();
  if (manager.kind === 'none') return states;
  for (const service of services) {
    const { state } = await manager.status(service);
    if (state === 'unknown') throw unknownService(manager.kind, service);
    states.set(service, state);
  }
  return states;
}

function unknownService(manager: string, service: string): QxError {
  return new QxError(
    'not-for-host',
    'the release restarts a service that this host does not have',
    {
      where: `service_manager ${manager}`,
      found: service,
      hint: 'nothing was changed; add the service to the image, or publish without restart_service',
    },
  );
}

/** The services of a generation restarted, and everything that it declares checked. */
export async function restartAndCheck(
  session: Session,
  services: readonly string[],
  generation: Generation,
): Promise<{ trouble: Trouble | null; health: HealthResult[] }> {
  let trouble: Trouble | null = null;
  for (const service of services) {
    session.out.say(`restarting ${service}`);
    const outcome = await session.services.act(service, 'restart', ACTION_TIMEOUT_MS);
    const event = outcome.ok ? 'service-restarted' : 'service-failed';
    await session.log(event, `${service} in ${outcome.durationMs} ms`);
    if (outcome.ok) continue;
    const message = `service ${service} did not restart (${formatDuration(outcome.durationMs)})`;
    // The others are restarted all the same: on the way back none may go on with what failed.
    trouble ??= { message, output: outcome.output };
  }
  if (trouble !== null) return { trouble, health: [] };
  for (const service of services) {
    const { state, output } = await session.services.status(service);
    if (state === 'running' || state === 'starting') continue;
    const message = `service ${service} does not run after its restart (${state})`;
    return { trouble: { message, output }, health: [] };
  }
  return checkHealth(session, generation, services);
}

/** Everything that a generation declares, checked once as it stands. */
export async function checkHealth(
  session: Session,
  generation: Generation,
  restarted: readonly string[],
): Promise<{ trouble: Trouble | null; health: HealthResult[] }> {
  const { fx, layout, config } = session;
  const components = inOrder(generation.entries) as unknown as Component[];
  const health = await runHealth(
    {
      fx,
      services: session.services,
      hooksDir: config.hooksDir,
      contentOf: (name) => `${layout.current}/${name}`,
    },
    await worthChecking(session, components, restarted),
  );
  for (const result of health)
    await session.log(result.ok ? 'health-passed' : 'health-failed', healthLine(result));
  const failed = health.find((result) => !result.ok);
  if (failed === undefined) return { trouble: null, health };
  return {
    trouble: {
      message: `health check failed: ${healthLine(failed)}`,
      output: failed.output,
    },
    health,
  };
}

/** A service that nobody restarted and that is stopped says nothing about the release. */
async function worthChecking(
  session: Session,
  components: Component[],
  restarted: readonly string[],
): Promise<Component[]> {
  const { services, out } = session;
  const worth: Component[] = [];
  for (const component of components) {
    if ((component.health ?? []).length === 0) continue;
    const service = component.restart_service;
    const asked =
      service !== undefined && !restarted.includes(service) && services.kind !== 'none';
    if (asked && (await services.status(service)).state === 'stopped')
      out.say(`${component.name}: not checked, its service is stopped`);
    else worth.push(component);
  }
  return worth;
}

function healthLine({ component, check, ok, tries, durationMs }: HealthResult): string {
  const what = ok ? 'well' : 'failed';
  return `${component}: ${check} ${what} after ${tries} ${tries === 1 ? 'try' : 'tries'}, ${formatDuration(durationMs)}`;
}
