import { pause } from '../effects/pause.ts';
import { QxError } from '../format/error.ts';
import {
  describeCheck,
  type HealthCheck,
  isKnownCheck,
  type HealthTiming,
  timingOf,
} from '../format/health.ts';
import { LIMITS } from '../format/limits.ts';
import type { Component } from '../format/manifest.ts';
import { commandProbe, hookFile } from './command-probe.ts';
import { oneLine } from './output.ts';
import {
  type HealthContext,
  httpProbe,
  type Probe,
  serviceProbe,
  tcpProbe,
} from './probes.ts';

/** Step 13: does what was restarted work? */

export interface HealthResult {
  component: string;
  /** "http 127.0.0.1:8080/health" */
  check: string;
  ok: boolean;
  tries: number;
  durationMs: number;
  /** Why it failed, or what it said; last 2 kB on one line, control characters removed. */
  output: string;
}

/**
 * The checks of all components, one after the other; the last result is the one that failed, if one did.
 * Throws only the reason of `signal`, and QxError `too-new` for a type that policy should have refused.
 */
export async function runHealth(
  context: HealthContext,
  components: readonly Component[],
): Promise<HealthResult[]> {
  const results: HealthResult[] = [];
  for (const { component, check } of checksOf(components)) {
    const result = await runCheck(context, component, check);
    results.push(result);
    if (!result.ok) break;
  }
  return results;
}

/**
 * Looks, before anything is changed, whether the commands are there that the checks name in hooks.d.
 * QxError `config` for one that is missing or may not be run.
 */
export async function checkHealthCommands(
  context: Pick<HealthContext, 'fx' | 'hooksDir'>,
  components: readonly Component[],
): Promise<void> {
  for (const { component, check } of checksOf(components)) {
    if (check.type !== 'command' || check.file.startsWith('./')) continue;
    const file = await hookFile(context.fx, context.hooksDir, check.file);
    if ('path' in file) continue;
    throw new QxError('config', `${component.name}: a health check cannot be run`, {
      where: `${context.hooksDir}/${check.file}`,
      found: file.refused,
      hint: 'the release names a command that belongs to the host; nothing was changed',
    });
  }
}

function checksOf(
  components: readonly Component[],
): { component: Component; check: HealthCheck }[] {
  return components.flatMap((component) =>
    (component.health ?? []).map((check) => {
      if (isKnownCheck(check)) return { component, check };
      throw new QxError('too-new', `${component.name}: a health check of another type`, {
        found: check.type,
      });
    }),
  );
}

async function runCheck(
  context: HealthContext,
  component: Component,
  check: HealthCheck,
): Promise<HealthResult> {
  const { clock } = context.fx;
  const started = clock.now();
  const probe = probeOf(context, component, check);
  const outcome = await tryOut(context, probe, timingOf(check));
  return {
    component: component.name,
    check: describeCheck(check, component),
    ...outcome,
    output: oneLine(outcome.output),
    durationMs: Math.max(0, clock.now() - started),
  };
}

type Outcome = Pick<HealthResult, 'ok' | 'tries' | 'output'>;

/** Tries until it passes, then, for a steady check, until it has held for long enough. */
async function tryOut(
  context: HealthContext,
  probe: Probe,
  timing: HealthTiming,
): Promise<Outcome> {
  const { fx, signal } = context;
  const { clock } = fx;
  const deadline = clock.now() + 1000 * LIMITS.healthSeconds;
  for (let tries = 1; ; tries += 1) {
    const { ok, output } = await attempt(context, probe, timing, tries);
    if (ok) return holdSteady(context, probe, timing, { ok, tries, output });
    if (tries > timing.retries || clock.now() > deadline) return { ok, tries, output };
    await pause(clock, timing.intervalMs, signal);
  }
}

/** A check without a pause between tries is asked so often while it has to hold. */
const STEADY_INTERVAL_MS = 250;

/** The pauses are counted, not read from the clock, which may be set while we wait. */
async function holdSteady(
  context: HealthContext,
  probe: Probe,
  timing: HealthTiming,
  first: Outcome,
): Promise<Outcome> {
  let last = first;
  for (let leftMs = timing.steadyMs; leftMs > 0;) {
    const restMs = Math.min(leftMs, Math.max(timing.intervalMs, STEADY_INTERVAL_MS));
    await pause(context.fx.clock, restMs, context.signal);
    leftMs -= restMs;
    const tries = last.tries + 1;
    const { ok, output } = await attempt(context, probe, timing, tries);
    last = { ok, tries, output };
    if (ok) continue;
    const held = (timing.steadyMs - leftMs) / 1000;
    const why = `passed, then failed within ${held} s: ${output}`;
    return { ok, tries, output: why };
  }
  return last;
}

async function attempt(
  context: HealthContext,
  probe: Probe,
  timing: HealthTiming,
  tries: number,
): Promise<{ ok: boolean; output: string }> {
  context.signal?.throwIfAborted();
  try {
    return await probe(timing.timeoutMs, tries);
  } catch (error) {
    context.signal?.throwIfAborted();
    return { ok: false, output: textOf(error) };
  }
}

function textOf(error: unknown): string {
  if (!(error instanceof QxError)) return String(error);
  const { message, expected, found } = error;
  const details = [expected && `expected ${expected}`, found && `found ${found}`];
  return [message, ...details.filter(Boolean)].join('; ');
}

function probeOf(
  context: HealthContext,
  component: Component,
  check: HealthCheck,
): Probe {
  switch (check.type) {
    case 'service':
      return serviceProbe(context, component, check);
    case 'tcp':
      return tcpProbe(context, check);
    case 'http':
      return httpProbe(context, check);
    case 'command':
      return commandProbe(context, component, check);
  }
}
