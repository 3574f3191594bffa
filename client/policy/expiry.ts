import type { RepositoryMemory } from '../format/client-state.ts';
import type { Pointer } from '../format/pointer.ts';
import type { Root } from '../format/root.ts';

/** Who has to sign what before hosts go stale. All pure. */

/** What expires, and from when to when it lives. */
export interface Life {
  what: 'pointer' | 'root';
  /** For people: "the pointer of quantix-os/stable". */
  name: string;
  bornMs: number;
  /** As the document says it, RFC 3339. */
  expires: string;
}

export interface ExpiryWarning {
  what: Life['what'];
  expires: string;
  /** One line for people, the same until `expires` is over or another. */
  message: string;
}

/** A root whose beginning is not known is taken for as long-lived as `qx-repo` makes them. */
const ROOT_LIFE_MS = 3 * 365 * 86_400_000;

const WHO_DOES_WHAT: Record<Life['what'], string> = {
  pointer: 'its publisher signs it anew with "qx-repo sign"',
  root: 'its publisher makes the next with "qx-repo root set-expiry"',
};

export function pointerLife({ product, channel, issued, expires }: Pointer): Life {
  const name = `the pointer of ${product}/${channel}`;
  return { what: 'pointer', name, bornMs: Date.parse(issued), expires };
}

/** A root does not say since when it is there: its life begins when this host accepted it. */
export function rootLife(
  { version, expires }: Root,
  { root_version, root_since }: RepositoryMemory,
  nowMs: number,
): Life {
  const known = root_version === version && root_since !== undefined;
  const since = known ? Date.parse(root_since) : -Infinity;
  const earliest = Date.parse(expires) - ROOT_LIFE_MS;
  // What was accepted by a clock that ran ahead says nothing.
  const bornMs = since > nowMs ? earliest : Math.max(since, earliest);
  return { what: 'root', name: `the trust root ${version}`, bornMs, expires };
}

/** Of these lives, those of which less than a third is left. */
export function expiryWarnings(lives: readonly Life[], nowMs: number): ExpiryWarning[] {
  return lives
    .filter(({ bornMs, expires }) => {
      const end = Date.parse(expires);
      return (end - nowMs) * 3 < end - bornMs;
    })
    .map((life) => warningOf(life, nowMs));
}

function warningOf({ what, name, expires }: Life, nowMs: number): ExpiryWarning {
  const fate =
    Date.parse(expires) > nowMs
      ? `expires at ${expires}, less than a third of its life is left`
      : `has expired at ${expires}`;
  return { what, expires, message: `${name} ${fate}: ${WHO_DOES_WHAT[what]}` };
}
