import type { Config } from './config/config.ts';
import type { Expiry } from './expiry.ts';
import { QxError } from './format/error.ts';
import { releaseOf } from './install/generations.ts';
import type { SlotsReport } from './slots/describe.ts';
import type { HostStatus } from './status.ts';
import { VERSION } from './version.ts';

/** What monitoring sees of a host, in Prometheus' text format: times in seconds since 1970, yes and no as 1 and 0. */

interface Sample {
  labels?: Record<string, string>;
  value: number;
}

interface Metric {
  name: string;
  help: string;
  samples: Sample[];
}

/** https://prometheus.io/docs/instrumenting/exposition_formats/ */
export function metricsText(config: Config, host: HostStatus, expiry: Expiry): string {
  return [...runMetrics(config, host), ...trustMetrics(expiry), ...slotMetrics(host)]
    .filter(({ samples }) => samples.length > 0)
    .map(metricText)
    .join('');
}

function runMetrics(config: Config, host: HostStatus): Metric[] {
  const { product, channel } = config;
  const { generation, state, lastCheck } = host;
  const release = releaseOf(generation);
  const installed = { product, channel, version: release?.version ?? '' };
  return [
    gauge('build_info', 'The client itself.', 1, { version: VERSION }),
    gauge('release_info', 'What is installed; no version: nothing is.', 1, installed),
    gauge(
      'release_installed_timestamp_seconds',
      'When it was installed.',
      seconds(generation?.installed),
    ),
    gauge(
      'last_check_timestamp_seconds',
      'When the channel was last asked.',
      seconds(lastCheck?.time),
    ),
    gauge(
      'last_check_success',
      'Whether what it answered was accepted.',
      lastCheck === null ? undefined : lastCheck.result !== 'refused',
    ),
    gauge(
      'last_exit_code',
      'Exit code of the refusal that stands; 0 without one.',
      state.last_refusal?.exitCode ?? 0,
    ),
    gauge(
      'available',
      'Whether an update waits.',
      lastCheck?.result === 'available' && lastCheck.installed !== true,
    ),
    gauge('running', 'Whether a run is under way.', host.activity !== null),
    gauge(
      'held',
      'Whether a hold stands.',
      state.hold !== undefined && state.hold !== null,
    ),
    gauge(
      'refused_releases',
      'Releases that were taken back here and are not tried again.',
      state.refused?.length ?? 0,
    ),
    gauge('reboot_pending', 'The next boot is another system.', host.rebootPending),
  ];
}

function trustMetrics({ pointerExpires, rootExpires, warnings }: Expiry): Metric[] {
  return [
    gauge(
      'pointer_expires_timestamp_seconds',
      'Until when the accepted pointer is good.',
      seconds(pointerExpires),
    ),
    gauge(
      'root_expires_timestamp_seconds',
      'Until when the accepted trust root is good.',
      seconds(rootExpires),
    ),
    gauge(
      'expiry_warnings',
      'Documents with less than a third of their life left.',
      warnings.length,
    ),
  ];
}

function slotMetrics({ slots }: HostStatus): Metric[] {
  if (slots === null) return [];
  const readable = !(slots instanceof QxError);
  const known = gauge('slots_readable', 'Whether the slots can be told.', readable);
  return readable ? [known, ...slotSamples(slots)] : [known];
}

function slotSamples({ booted, a, b }: SlotsReport): Metric[] {
  const both = [
    ['A', a],
    ['B', b],
  ] as const;
  const info = both.map(([slot, { state, version }]) => ({
    labels: { slot, state, version: version ?? '', booted: String(slot === booted) },
    value: 1,
  }));
  const tries = both.map(([slot, { triesLeft }]) => ({
    labels: { slot },
    value: triesLeft,
  }));
  return [
    { name: 'slot_info', help: 'Both slots.', samples: info },
    { name: 'slot_tries_left', help: 'Boots before it is given up.', samples: tries },
  ];
}

/** Without a value there is no sample: an alert on absence is one rule, a made-up zero is none. */
function gauge(
  name: string,
  help: string,
  value: number | boolean | undefined,
  labels: Record<string, string> = {},
): Metric {
  return {
    name,
    help,
    samples: value === undefined ? [] : [{ labels, value: Number(value) }],
  };
}

function seconds(time: string | null | undefined): number | undefined {
  const ms = Date.parse(time ?? '');
  return Number.isNaN(ms) ? undefined : ms / 1000;
}

function metricText({ name, help, samples }: Metric): string {
  const full = `qx_update_${name}`;
  const lines = samples.map(({ labels = {}, value }) => {
    const pairs = Object.entries(labels).map(
      ([key, text]) => `${key}="${escaped(text)}"`,
    );
    return `${full}${pairs.length === 0 ? '' : `{${pairs.join(',')}}`} ${value}\n`;
  });
  return `# HELP ${full} ${help}\n# TYPE ${full} gauge\n${lines.join('')}`;
}

function escaped(text: string): string {
  return text.replaceAll('\\', '\\\\').replaceAll('"', '\\"').replaceAll('\n', '\\n');
}
