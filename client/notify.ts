import type { Config } from './config/config.ts';
import { readIfThere } from './effects/durable.ts';
import type { Effects } from './effects/effects.ts';
import { describeExpiry } from './expiry.ts';
import type { QxError } from './format/error.ts';
import { replaceFile } from './state/activity.ts';
import { type HistoryEntry, readHistory } from './state/history.ts';
import { hostId } from './state/host-id.ts';
import { openLog } from './state/log.ts';
import { readStatus } from './status.ts';
import { SCHEMA_VERSION } from './terminal/output.ts';

/** Whom a host tells of its runs: a metrics file, a dead man's switch, a webhook. */

/** For each of them; a run takes so much longer at the most. */
const TIMEOUT_MS = 5_000;
/** A webhook that was away for long is not told everything that it missed. */
const ENTRIES_MAX = 50;
const MARK_BYTES_MAX = 256 * 1024;

/**
 * Tells all of [notify] how a run ended, one after the other. What cannot be told goes to the log and changes
 * nothing: the update is done by then.
 */
export async function notify(
  fx: Effects,
  config: Config,
  error: QxError | null,
): Promise<void> {
  const log = openLog(fx, config);
  const all = { metrics_file: writeMetrics, ping_url: ping, webhook_url: post };
  for (const [key, tell] of Object.entries(all)) {
    try {
      await tell(fx, config, error);
    } catch (trouble) {
      // Addresses like these are secrets; the name of the key says which it was.
      const message = trouble instanceof Error ? trouble.message : 'failed';
      await log('notify-failed', `${key}: ${message}`);
    }
  }
}

async function writeMetrics(fx: Effects, config: Config): Promise<void> {
  const file = config.notify.metrics_file;
  if (file === undefined) return;
  const { metricsText } = await import('./metrics.ts');
  const host = await readStatus(fx, config);
  const expiry = await describeExpiry(fx, config, host.state);
  await replaceFile(fx, file, Buffer.from(metricsText(config, host, expiry)));
}

/** A host whose turn has not come is as well as one that is up to date; one that found another run says nothing. */
async function ping(fx: Effects, config: Config, error: QxError | null): Promise<void> {
  const { ping_url, ping_failure_url } = config.notify;
  const well = error === null || error.code === 'deferred';
  const url = well ? ping_url : ping_failure_url;
  if (url === undefined || error?.code === 'locked') return;
  await send(fx, url, 'GET');
}

/** What history has since the last entry that the webhook took; at least once, also after a run that was cut off. */
async function post(fx: Effects, config: Config): Promise<void> {
  const url = config.notify.webhook_url;
  if (url === undefined) return;
  const { files } = fx;
  const mark = `${config.stateDir}/notified.json`;
  const told = (await readIfThere(files, mark, MARK_BYTES_MAX))?.toString('utf8');
  const entries = newEntries(await readHistory(files, config.stateDir), told);
  const last = entries.at(-1);
  if (last === undefined) return;
  const { product, channel } = config;
  const host = await hostId(fx, config);
  const body = { schemaVersion: SCHEMA_VERSION, host, product, channel, entries };
  await send(fx, url, 'POST', JSON.stringify(body));
  await replaceFile(fx, mark, Buffer.from(JSON.stringify(last)));
}

/** Oldest first. An entry that history no longer holds was told long ago. */
export function newEntries(
  entries: readonly HistoryEntry[],
  told: string | undefined,
): HistoryEntry[] {
  const at = entries.findLastIndex((entry) => JSON.stringify(entry) === told);
  return entries.slice(at + 1).slice(-ENTRIES_MAX);
}

async function send(
  fx: Effects,
  url: string,
  method: 'GET' | 'POST',
  body?: string,
): Promise<void> {
  const reply = await fx.network.request({
    url,
    method,
    ...(body === undefined
      ? {}
      : { body, headers: { 'content-type': 'application/json' } }),
    connectTimeoutMs: TIMEOUT_MS,
    stallTimeoutMs: TIMEOUT_MS,
    totalTimeoutMs: TIMEOUT_MS,
  });
  reply.discard();
  if (reply.status < 200 || reply.status > 299)
    throw new Error(`the answer was ${reply.status}`);
}
