import { pause } from '../effects/pause.ts';
import type { Context } from '../commands/command.ts';
import { type Config, loadConfig } from '../config/config.ts';
import type { ServeKeys } from '../config/schema.ts';
import type { Effects } from '../effects/effects.ts';
import { asQxError } from '../terminal/output.ts';
import { openAnswer } from './answer.ts';
import { type Certificate, readCertificate } from './certificate.ts';
import { type Listeners, openListeners, tellAddresses } from './listeners.ts';
import { openService, type Service } from './service.ts';
import { type ServeSettings, serveSettings } from './settings.ts';
import { sentence } from './standing.ts';
import { ensureToken } from './token.ts';

/** How often it is looked whether the configuration or the certificate was changed. */
const LOOK_MS = 2000;

/** Answers until it is told to stop. QxError `config` when it cannot begin. */
export async function serve(context: Context, flags: ServeKeys): Promise<void> {
  const { fx, out } = context;
  const config = await context.config();
  const settings = serveSettings(config, flags);
  const service = openService(context, config, settings);
  const listeners = openListeners(fx, openAnswer(service), (error) =>
    warnOfHttps(context, error),
  );
  await ensureToken(fx, settings.tokenFile);
  await listeners.change(settings, await certificateFor(context, config, settings));
  service.reload = () => reload(service, listeners, flags);
  tellAddresses(out, listeners.addresses());
  try {
    await watch(service);
  } finally {
    await listeners.close();
  }
}

/** Where no certificate can be had and there is a socket, the socket is served all the same. */
async function certificateFor(
  context: Context,
  config: Config,
  settings: ServeSettings,
): Promise<Certificate | null> {
  if (settings.listen === null) return null;
  try {
    return await readCertificate(context.fx, config, settings);
  } catch (error) {
    if (settings.socket === null) throw error;
    warnOfHttps(context, error);
    return null;
  }
}

function warnOfHttps({ out }: Context, error: unknown): void {
  out.warn(`https is not served: ${sentence(asQxError(error))}`);
}

/** A file that was changed counts within two seconds, and with SIGHUP at once. */
async function watch(service: Service): Promise<void> {
  const { fx, context } = service;
  const forget = fx.server.onHangup(() => void service.reload());
  let seen = await traceOf(fx, service);
  while (!context.signal.aborted) {
    await pause(fx.clock, LOOK_MS, context.signal).catch(() => undefined);
    const now = await traceOf(fx, service);
    if (now === seen) continue;
    await service.reload();
    seen = now;
  }
  forget();
}

async function reload(
  service: Service,
  listeners: Listeners,
  flags: ServeKeys,
): Promise<void> {
  const { fx, context } = service;
  const { root, configFile, overrides, env, machine, out } = context;
  try {
    const sources = { root, configFile, flags: overrides, env, machine };
    const config = await loadConfig(fx, sources);
    const settings = serveSettings(config, flags);
    const before = listeners.addresses().join();
    await ensureToken(fx, settings.tokenFile);
    await listeners.change(settings, await certificateFor(context, config, settings));
    service.settle(config, settings);
    if (listeners.addresses().join() !== before)
      tellAddresses(out, listeners.addresses());
    await service.log('config-reloaded', 'the configuration was read again');
  } catch (error) {
    const trouble = asQxError(error);
    const told = `the configuration stays as it was: ${sentence(trouble)}`;
    out.warn(told);
    await service.log('config-kept', told);
  }
}

/** What tells one content of these files from another. */
async function traceOf(
  { files }: Effects,
  { config, settings }: Service,
): Promise<string> {
  const { cert, key } = settings.certificate ?? {};
  const traces: string[] = [];
  for (const path of [config.file, cert, key]) {
    const info =
      path === null || path === undefined
        ? null
        : await files.info(path).catch(() => null);
    traces.push(`${info?.changedMs} ${info?.size}`);
  }
  return traces.join();
}
