import { hostname } from 'node:os';
import type { Context } from '../commands/command.ts';
import type { Config } from '../config/config.ts';
import type { Effects } from '../effects/effects.ts';
import type { Manifest } from '../format/manifest.ts';
import { type Log, openLog } from '../state/log.ts';
import { type Apply, openApply } from './apply.ts';
import { type Cached, cached } from './cached.ts';
import { type Checked, openCheck } from './check.ts';
import { openSelf, type Self } from './self.ts';
import type { ServeSettings } from './settings.ts';
import type { Standing } from './standing.ts';
import { toldBy } from './styles.ts';

/** What the routes answer from. It holds nothing that is not in files as well. */
export interface Service {
  fx: Effects;
  context: Context;
  self: Self;
  /** As last read: `settle` puts newer ones in their place. */
  config: Config;
  settings: ServeSettings;
  settle(config: Config, settings: ServeSettings): void;
  /** Reads update.toml again; what cannot be read leaves everything as it is. */
  reload(): Promise<void>;
  hostname: string;
  log: Log;
  standing: Cached<Standing>;
  check: Cached<Checked>;
  apply: Apply;
  /** Of the release that was last looked at. */
  manifest: Cached<Manifest | null>;
  /** Streams that are open. */
  streams: number;
}

/** For so long one look at the files serves everybody who asks. */
const STANDING_MS = 500;

export function openService(
  context: Context,
  config: Config,
  settings: ServeSettings,
): Service {
  const { fx } = context;
  const self = openSelf(context);
  const service: Service = {
    fx,
    context,
    self,
    config,
    settings,
    settle: (newer, newerSettings) => {
      service.config = newer;
      service.settings = newerSettings;
      service.standing.forget();
      service.check.forget();
    },
    reload: () => Promise.resolve(),
    hostname: hostname(),
    log: (event, text) => openLog(fx, service.config)(event, text),
    standing: cached(fx.clock, STANDING_MS, () => toldBy(fx, service.config).standing()),
    check: openCheck(
      fx,
      self,
      () => service.config.stateDir,
      () => {
        service.standing.forget();
        service.manifest.forget();
      },
    ),
    apply: openApply(fx, self),
    manifest: cached(fx.clock, STANDING_MS, () => toldBy(fx, service.config).manifest()),
    streams: 0,
  };
  return service;
}
