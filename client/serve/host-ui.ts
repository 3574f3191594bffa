import type { Config } from '../config/config.ts';
import { durationText } from '../config/schema.ts';
import type { Checked } from './check.ts';
import { sentence, type Standing } from './standing.ts';

/** What the host's own web UI and the vDC control plane read of a host: camelCase, absent fields left out. */

export function statusValue({ phase, message, activity }: Standing): object {
  const { component, downloadedBytes, totalBytes, percent } = activity ?? {};
  const progress = {
    currentComponent: component ?? '',
    downloadedBytes: downloadedBytes ?? 0,
    totalBytes: totalBytes ?? 0,
    percentage: percent ?? 0,
  };
  return {
    status: phase,
    ...(message === undefined ? {} : { message }),
    ...(phase === 'downloading' || phase === 'applying' ? { progress } : {}),
  };
}

/** Components of a Quantix host that its UI has a place for. */
const SHOWN = { 'qx-node': 'qxNode', 'qx-console': 'qxConsole', 'host-ui': 'hostUi' };

export function currentValue({ host, version }: Standing): object {
  const versions = Object.entries(SHOWN).flatMap(([name, field]) => {
    const entry = host.generation?.entries.find((each) => each.name === name);
    const found = entry?.version ?? entry?.told;
    return found === undefined ? [] : [[field, found] as const];
  });
  return { osVersion: version, ...Object.fromEntries<string>(versions) };
}

export function versionValue(
  { version }: Standing,
  { channel }: Config,
  hostname: string,
): object {
  return { currentVersion: version, channel, hostname };
}

/** `inFile`: paths as the file has them, without --root. */
export function configValue(
  config: Config,
  { host }: Standing,
  now: number,
  inFile: (path: string) => string,
): object {
  const hold = host.state.hold ?? null;
  const held = hold !== null && !(Date.parse(hold.until ?? '') <= now);
  const volume = config.origins.storage !== undefined;
  return {
    enabled: !held,
    serverUrl: config.mirrors[0] ?? '',
    channel: config.channel,
    checkInterval: durationText(config.checkIntervalMs),
    autoApply: config.autoApply,
    storageLocation: volume ? 'volume' : 'local',
    ...(volume ? { volumePath: inFile(config.componentsDir) } : {}),
  };
}

/** As `check --json` tells of one. */
interface OfferedComponent {
  name: string;
  version: string;
  need: string;
  downloadBytes: number;
}

/** A release that may not be taken yet is none that is available; why not is told. */
export function checkValue(
  checked: Exclude<Checked, { what: 'failed' | 'busy' }>,
  standing: Standing,
  config: Config,
): object {
  const nothing = {
    available: false,
    currentVersion: standing.version,
    channel: config.channel,
    components: [],
    fullImageAvailable: false,
    totalDownloadSize: 0,
  };
  if (checked.what === 'deferred')
    return { ...nothing, message: `not now: ${sentence(checked.error)}` };
  const { offer } = checked;
  if (offer.status !== 'available') return { ...nothing, latestVersion: offer.version };
  const components = (offer.components as OfferedComponent[])
    .filter(({ need }) => need !== 'installed')
    .map((component) => {
      const { name, version, downloadBytes } = component;
      const entries = standing.host.generation?.entries ?? [];
      const currentVersion = entries.find((entry) => entry.name === name)?.version;
      const current = currentVersion === undefined ? {} : { currentVersion };
      return { name, ...current, newVersion: version, sizeBytes: downloadBytes };
    });
  const notes = offer.releaseNotes;
  return {
    ...nothing,
    available: true,
    latestVersion: offer.version,
    components,
    fullImageAvailable: offer.systemImage !== null,
    totalDownloadSize: offer.downloadBytes,
    ...(typeof notes === 'string' ? { releaseNotes: notes } : {}),
  };
}
