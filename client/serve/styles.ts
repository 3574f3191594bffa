import type { Config } from '../config/config.ts';
import { listIfThere, readIfThere } from '../effects/durable.ts';
import type { Effects } from '../effects/effects.ts';
import { LIMITS } from '../format/limits.ts';
import { type Manifest, parseManifest } from '../format/manifest.ts';
import type { Checked } from './check.ts';
import * as hostUi from './host-ui.ts';
import type { Style } from './settings.ts';
import { readStanding, type Standing } from './standing.ts';
import * as vdc from './vdc.ts';

/** What is told of this host, by the API and by `--style` alike. */
export interface Told {
  config: Config;
  standing: () => Promise<Standing>;
  /** Of the release that was last looked at. */
  manifest: () => Promise<Manifest | null>;
}

export function toldBy(fx: Effects, config: Config): Told {
  return {
    config,
    standing: () => readStanding(fx, config),
    manifest: () => lastManifest(fx, config),
  };
}

export async function statusIn(style: Style, told: Told): Promise<object> {
  const standing = await told.standing();
  if (style === 'host-ui') return hostUi.statusValue(standing);
  return vdc.statusValue(standing, told.config.channel, await told.manifest());
}

export async function checkIn(
  style: Style,
  told: Told,
  checked: Exclude<Checked, { what: 'failed' | 'busy' }>,
): Promise<object> {
  const standing = await told.standing();
  if (style === 'host-ui') return hostUi.checkValue(checked, standing, told.config);
  const manifest = await told.manifest();
  return vdc.checkValue(checked, standing, told.config.channel, manifest);
}

/** One is kept: the verified copy of what the pointer named. It is shown here; a run verifies it again. */
async function lastManifest(
  { files }: Effects,
  { stateDir }: Config,
): Promise<Manifest | null> {
  const folder = `${stateDir}/manifests`;
  const names = await listIfThere(files, folder);
  const name = names.find((each) => each.endsWith('.json'));
  if (name === undefined) return null;
  const bytes = await readIfThere(files, `${folder}/${name}`, LIMITS.manifestBytes);
  try {
    return bytes === null ? null : parseManifest(bytes);
  } catch {
    return null;
  }
}
