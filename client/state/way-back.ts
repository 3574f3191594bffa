import type { Config } from '../config/config.ts';
import type { Files } from '../effects/effects.ts';
import type { InstalledRelease } from '../format/installed-release.ts';
import type { Root } from '../format/root.ts';
import { checkReleaseKeys, type WayBack } from '../policy/way-back.ts';
import { readRootVersion } from './trust-store.ts';

/** Holds a way back that nobody named against the release keys of `trusted`. QxError `signature`. */
export async function checkWayBack(
  files: Files,
  config: Pick<Config, 'stateDir' | 'trustRoot'>,
  installed: InstalledRelease | undefined,
  trusted: Root,
  way: WayBack,
): Promise<void> {
  const before =
    installed?.root === undefined
      ? null
      : await readRootVersion(files, config, installed.root);
  checkReleaseKeys(installed, before, trusted, way);
}
