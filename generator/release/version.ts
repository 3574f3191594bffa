import semver from 'semver';
import { QxError } from '../../client/format/error.ts';

/**
 * The version after `current` for a channel: the next patch, or on `dev` the next pre-release:
 *
 *   stable  1.4.2 → 1.4.3        1.4.3-dev.2 → 1.4.3
 *   dev     1.4.2 → 1.4.3-dev.1 → 1.4.3-dev.2
 *
 * Where nothing was published yet: 0.1.0, and 0.1.0-dev.1 on dev.
 */
export function nextVersion(
  current: string | undefined,
  channel: string | undefined,
): string {
  const pre = channel === 'dev';
  if (current === undefined) return pre ? '0.1.0-dev.1' : '0.1.0';
  const next = pre ? nextPreRelease(current) : semver.inc(current, 'patch');
  if (next !== null) return next;
  throw new QxError('defect', 'no version comes after this one', { found: current });
}

/** The higher of both; undefined counts as lower than any. */
export function higher(a: string | undefined, b: string | undefined): string | undefined {
  if (a === undefined || b === undefined) return a ?? b;
  return semver.gte(a, b) ? a : b;
}

/** From a candidate of another name ("1.5.0-rc.1") on to the next patch: "dev" sorts before "rc". */
function nextPreRelease(current: string): string | null {
  const next = semver.inc(current, 'prerelease', 'dev', '1');
  if (next !== null && semver.gt(next, current)) return next;
  return semver.inc(current, 'prepatch', 'dev', '1');
}
