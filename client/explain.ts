import { checkHealthCommands } from './services/health.ts';
import { checkServices } from './install/transaction.ts';
import { formatTime } from './format/time.ts';
import { lookAtChannel } from './look.ts';
import {
  findRelease,
  type Found,
  manifestOf,
  planOf,
  releasePoliciesOf,
} from './found.ts';
import { ensureSpace } from './offer.ts';
import type { Manifest } from './format/manifest.ts';
import { hostPolicies, type Policy, pointerPolicies, windowPolicy } from './policies.ts';
import { dueAt, offsetOf } from './policy/schedule.ts';
import { type Session, withLock } from './session.ts';
import { hostId } from './state/host-id.ts';
import { readLastRun } from './state/last-run.ts';
import { asQxError, errorRecord } from './terminal/output.ts';

/** What one policy says: `not-now` may change by itself, `refuses` needs somebody. */
export interface Verdict {
  policy: string;
  verdict: 'passes' | 'not-now' | 'refuses';
  /** What it looked at. */
  data: Record<string, unknown>;
  /** The refusal, as a run would tell it. */
  error?: Record<string, string | number>;
}

export interface Explanation {
  product: string;
  channel: string;
  version: string;
  installedVersion: string | null;
  /** This very release is installed. */
  upToDate: boolean;
  policies: Verdict[];
}

/**
 * Asks every policy of steps 7 to 12 about what the channel has, and installs nothing. Steps 2 to 6 go before it:
 * where they refuse, there is nothing that could be asked about, and their QxError is thrown.
 */
export function explain(session: Session, now: boolean): Promise<Explanation> {
  return withLock(session, async () => {
    const trusted = await lookAtChannel(session);
    const found = await findRelease(session, trusted, now);
    const { product, channel, version } = trusted.pointer;
    const policies = [
      await intervalVerdict(session),
      ...(await judgeAll([
        ...hostPolicies(session, found.target.descriptor.sha256),
        ...pointerPolicies(session, found),
        windowPolicy(session, found),
      ])),
      ...(await aboutRelease(session, found)),
      applyVerdict(session),
    ];
    return {
      product,
      channel,
      version,
      installedVersion: found.installedVersion ?? null,
      upToDate: found.current?.release?.manifest === found.release,
      policies,
    };
  });
}

async function aboutRelease(session: Session, found: Found): Promise<Verdict[]> {
  let manifest: Manifest | undefined;
  const own: Policy = {
    name: 'manifest',
    data: () => ({ ...found.target.want, ...found.target.descriptor }),
    check: async () => {
      manifest = await manifestOf(session, found);
    },
  };
  const verdict = await judge(own);
  if (manifest === undefined) return [verdict];
  const asked = await releasePoliciesOf(session, found, manifest);
  return [verdict, ...(await judgeAll([...asked, ...placePolicies(session, manifest)]))];
}

/** Whether this host has what the release needs to be installed: services, commands, room. */
function placePolicies(session: Session, manifest: Manifest): Policy[] {
  const { fx, config } = session;
  const { components } = manifest;
  const services = components.flatMap(({ restart_service }) => restart_service ?? []);
  return [
    {
      name: 'services',
      data: () => ({ manager: session.services.kind, services }),
      check: async () => {
        await checkServices(session, components);
        await checkHealthCommands({ fx, hooksDir: config.hooksDir }, components);
      },
    },
    {
      name: 'space',
      data: async () => {
        const { downloadBytes, diskBytes } = await planOf(session, manifest);
        return { downloadBytes, diskBytes };
      },
      check: async () => ensureSpace(session, await planOf(session, manifest)),
    },
  ];
}

async function judgeAll(policies: readonly Policy[]): Promise<Verdict[]> {
  const verdicts: Verdict[] = [];
  for (const policy of policies) verdicts.push(await judge(policy));
  return verdicts;
}

async function judge({ name, data, check }: Policy): Promise<Verdict> {
  const told = { policy: name, data: await data() };
  try {
    await check();
    return { ...told, verdict: 'passes' };
  } catch (thrown) {
    const error = asQxError(thrown);
    if (error.code === 'defect') throw error;
    const verdict = error.code === 'deferred' ? 'not-now' : 'refuses';
    return { ...told, verdict, error: errorRecord(error) };
  }
}

/** Only `run` asks it, and says nothing then. */
async function intervalVerdict({ fx, config }: Session): Promise<Verdict> {
  const { checkIntervalMs, splayMs, stateDir } = config;
  const offsetMs = offsetOf(await hostId(fx, config), config);
  const lastMs = await readLastRun(fx, stateDir);
  const due = dueAt(config, offsetMs, lastMs, fx.clock.now());
  return {
    policy: 'interval',
    verdict: due.due ? 'passes' : 'not-now',
    data: {
      checkIntervalSeconds: checkIntervalMs / 1000,
      splaySeconds: splayMs / 1000,
      ownSplaySeconds: offsetMs / 1000,
      lastRun: lastMs === null ? null : formatTime(lastMs),
      nextRun: due.due ? null : formatTime(due.nextMs),
    },
  };
}

function applyVerdict({ config: { autoApply, autoReboot } }: Session): Verdict {
  return {
    policy: 'auto_apply',
    verdict: autoApply ? 'passes' : 'not-now',
    data: { autoApply, autoReboot },
  };
}
