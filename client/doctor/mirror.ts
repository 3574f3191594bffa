import { QxError } from '../format/error.ts';
import { pointerPath } from '../format/tree.ts';
import { LIMITS } from '../format/limits.ts';
import { openSource } from '../reader/open-source.ts';
import type { Source } from '../reader/source.ts';
import { type Session, sourceSettings } from '../session.ts';
import { formatTime } from '../format/time.ts';
import { formatDuration } from '../terminal/text.ts';
import { examine, type Finding, ok, warn } from './finding.ts';
import { treeFindings } from './tree.ts';

/** Clocks that differ by more are worth a look: certificates and windows go by them. */
const CLOCK_MS = 5 * 60_000;

/**
 * Each mirror as a static host: whether it answers, can be asked "anything new?", and goes on where it broke off; and
 * whether what it has would be believed.
 */
export async function mirrorFindings(session: Session): Promise<Finding[]> {
  const { fx, config } = session;
  const settings = { ...(await sourceSettings(fx, config)), retries: 0 };
  const findings: Finding[] = [];
  for (const base of config.mirrors) {
    const source = openSource(fx, base, settings);
    const part = source.base;
    findings.push(...(await examine(part, () => look(session, source))));
  }
  return findings;
}

async function look(session: Session, source: Source): Promise<Finding[]> {
  const { fx, config, signal } = session;
  const part = source.base;
  const path = pointerPath(config.product, config.channel);
  const started = fx.clock.now();
  const maxBytes = LIMITS.pointerBytes;
  const got = await source.get(path, { maxBytes, signal });
  if (got.status !== 'found') {
    throw new QxError('network', 'has no pointer of this channel', {
      where: path,
      hint: '"product" and "channel" in update.toml, and what the publisher has',
    });
  }
  const took = formatDuration(fx.clock.now() - started);
  const findings = [
    ok(part, `answers in ${took}`),
    ...(await examine(part, () => treeFindings(session, source, got))),
  ];
  if (!source.base.startsWith('http')) return findings;
  const { etag, lastModified, servedMs } = got;
  if (etag === undefined && lastModified === undefined) {
    findings.push(
      warn(
        part,
        'sends neither ETag nor Last-Modified',
        'every run fetches the pointer again; the host of the tree should send one of them',
      ),
    );
  }
  findings.push(await resumes(source, path, signal));
  const apart = servedMs === undefined ? 0 : servedMs - fx.clock.now();
  if (servedMs !== undefined && Math.abs(apart) > CLOCK_MS) {
    findings.push(
      warn(
        'clock',
        `${part} says it is ${formatTime(servedMs)}, this host is ${formatDuration(Math.abs(apart))} ${apart > 0 ? 'behind' : 'ahead'}`,
        'set the clock; nothing is accepted or refused by what a server says',
      ),
    );
  }
  return findings;
}

async function resumes(
  source: Source,
  path: string,
  signal: AbortSignal,
): Promise<Finding> {
  const reply = await source.stream(path, { from: 1, signal });
  const start = reply?.start;
  for await (const piece of reply?.body ?? []) if (piece.length > 0) break;
  if (start === 1) return ok(source.base, 'goes on with a download that broke off');
  return warn(
    source.base,
    'sends everything again when a part is asked for (no Range)',
    'downloads begin anew after each break; a static host should answer 206',
  );
}
