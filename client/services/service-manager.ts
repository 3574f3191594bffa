import type { Effects, ProcessResult } from '../effects/effects.ts';
import { isMissing } from '../effects/files.ts';
import { QxError } from '../format/error.ts';
import { shownOutput } from './output.ts';

/** How services of a host are asked after and restarted. */

export type ServiceAction = 'start' | 'stop' | 'restart';

/**
 * `failed` is one that should run and does not (crashed, gave up); `stopped` was stopped on purpose or never
 * started; `starting` is on its way; `unknown` is no service of this host.
 */
export type ServiceState = 'running' | 'starting' | 'stopped' | 'failed' | 'unknown';

export interface ServiceStatus {
  state: ServiceState;
  /** What the manager says of it; last 2 kB, control characters removed. */
  output: string;
}

export interface ServiceOutcome {
  ok: boolean;
  /** Last 2 kB, control characters removed. */
  output: string;
  durationMs: number;
}

export interface ServiceManager {
  /** "openrc", "systemd", "none" or the path of a program. */
  readonly kind: string;
  /** QxError `config` when the manager itself cannot be run. */
  status(service: string): Promise<ServiceStatus>;
  /** Null for a service that this host does not have. */
  isRunning(service: string): Promise<boolean | null>;
  /** Never throws: a manager that cannot be run is an outcome that is not ok. */
  act(service: string, action: ServiceAction, timeoutMs: number): Promise<ServiceOutcome>;
}

interface Commands {
  program: string;
  action(service: string, action: ServiceAction): string[];
  /** What is called before; how it ends does not matter. */
  before?(service: string, action: ServiceAction): string[] | undefined;
  status(run: Run, service: string): Promise<ServiceStatus>;
}

type Run = (args: string[], timeoutMs?: number) => Promise<ProcessResult>;

const STATUS_TIMEOUT_MS = 15_000;

/**
 * The manager that the configuration names: `openrc`, `systemd`, `none`, or the absolute path of a program that
 * is called as `PROGRAM SERVICE start|stop|restart|status`. `status` ends with 0 for a running service,
 * 3 for a stopped one, 4 for one that it does not know, anything else for one that failed.
 */
export function openServiceManager(fx: Effects, kind: string): ServiceManager {
  if (kind === 'none') return NONE;
  const commands =
    kind === 'openrc' ? OPENRC : kind === 'systemd' ? SYSTEMD : programCommands(kind);
  const run: Run = (args, timeoutMs = STATUS_TIMEOUT_MS) =>
    fx.processes.run(commands.program, args, { timeoutMs });
  const status = async (service: string): Promise<ServiceStatus> => {
    try {
      return await commands.status(run, service);
    } catch (error) {
      throw notRunnable(commands.program, error);
    }
  };
  return {
    kind,
    status,
    isRunning: async (service) => {
      const { state } = await status(service);
      return state === 'unknown' ? null : state === 'running';
    },
    act: (service, action, timeoutMs) =>
      timed(fx, timeoutMs, async () => {
        const before = commands.before?.(service, action);
        if (before !== undefined) await run(before);
        return run(commands.action(service, action), timeoutMs);
      }),
  };
}

/** A host without services: nothing is asked and nothing is done. */
const NONE: ServiceManager = {
  kind: 'none',
  status: () => Promise.resolve({ state: 'unknown', output: '' }),
  isRunning: () => Promise.resolve(null),
  act: () => Promise.resolve({ ok: true, output: '', durationMs: 0 }),
};

async function timed(
  fx: Effects,
  timeoutMs: number,
  work: () => Promise<ProcessResult>,
): Promise<ServiceOutcome> {
  const started = fx.clock.now();
  const since = (): number => Math.max(0, fx.clock.now() - started);
  try {
    const result = await work();
    const late = result.timedOut ? `no end after ${timeoutMs / 1000} s` : '';
    const output = shownOutput(result.stdout, result.stderr, Buffer.from(late));
    return { ok: result.status === 0, output, durationMs: since() };
  } catch (error) {
    const text = whyNotRun(error);
    return { ok: false, output: shownOutput(Buffer.from(text)), durationMs: since() };
  }
}

function notRunnable(program: string, error: unknown): QxError {
  return new QxError('config', 'the service manager cannot be run', {
    where: program,
    found: whyNotRun(error),
    hint: 'service_manager in update.toml: openrc, systemd, none, or the path of a program',
    cause: error,
  });
}

function whyNotRun(error: unknown): string {
  if (isMissing(error)) return 'there is no such program';
  return error instanceof Error ? error.message : String(error);
}

function statusOf({ stdout, stderr }: ProcessResult, state: ServiceState): ServiceStatus {
  return { state, output: shownOutput(stdout, stderr) };
}

function programCommands(program: string): Commands {
  const states: Record<number, ServiceState> = {
    0: 'running',
    3: 'stopped',
    4: 'unknown',
  };
  return {
    program,
    action: (service, action) => [service, action],
    status: async (run, service) => {
      const result = await run([service, 'status']);
      return statusOf(result, states[result.status ?? -1] ?? 'failed');
    },
  };
}

/** Exit statuses of an OpenRC service script's own `status`. */
const OPENRC_STATES: Record<number, ServiceState> = {
  0: 'running',
  3: 'stopped',
  4: 'stopped',
  8: 'starting',
  16: 'starting',
  32: 'failed',
};

const OPENRC: Commands = {
  program: 'rc-service',
  action: (service, action) => [service, action],
  status: async (run, service) => {
    const result = await run([service, 'status']);
    const state = OPENRC_STATES[result.status ?? -1];
    if (state !== undefined) return statusOf(result, state);
    // 1 is "no such service" as well as whatever went wrong in its script.
    const exists = await run(['--exists', service]);
    return statusOf(result, exists.status === 0 ? 'failed' : 'unknown');
  },
};

const SYSTEMD_STATES: Record<string, ServiceState> = {
  active: 'running',
  reloading: 'running',
  activating: 'starting',
  inactive: 'stopped',
  deactivating: 'stopped',
};

const SYSTEMD: Commands = {
  program: 'systemctl',
  action: (service, action) => [action, '--no-ask-password', service],
  // A service that crashed too often is not started again, not even with a repaired program, until it is told to.
  before: (service, action) =>
    action === 'stop' ? undefined : ['reset-failed', service],
  status: async (run, service) => {
    const shown = await run([
      'show',
      '--property=LoadState',
      '--property=ActiveState',
      service,
    ]);
    const text = shown.stdout.toString('utf8');
    if (shown.status !== 0) throw new Error(statusOf(shown, 'failed').output);
    if (/^LoadState=not-found$/m.test(text)) return statusOf(shown, 'unknown');
    const active = /^ActiveState=(\S*)$/m.exec(text)?.[1] ?? '';
    const state = SYSTEMD_STATES[active] ?? 'failed';
    if (state === 'running') return statusOf(shown, state);
    return statusOf(
      await run(['status', '--no-pager', '--full', '--lines=10', service]),
      state,
    );
  },
};
