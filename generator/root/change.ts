import { QxError } from '../../client/format/error.ts';
import {
  type PublicKey,
  publicKeyLine,
} from '../../client/format/minisign/public-key.ts';
import {
  ROLE_NAME,
  type Role,
  type Root,
  encodeRoot,
  parseRoot,
} from '../../client/format/root.ts';
import { formatTime } from '../../client/format/time.ts';
import { addDays } from '../release/times.ts';

/** From one trust root to the next: pure, each refuses what no host or no person could live with. */

/** The root that follows `current`, nothing changed yet but that it lives `days` from `issued` on. */
export function followingRoot(current: Root, issued: string, days: number): Root {
  return { ...current, version: current.version + 1, expires: addDays(issued, days) };
}

/** True when hosts would notice nothing but the number and the expiry. */
export function saysTheSame(a: Root, b: Root): boolean {
  const bare = (root: Root): Buffer =>
    encodeRoot({ ...root, version: 1, expires: b.expires });
  return bare(a).equals(bare(b));
}

/** Gives a role keys; a `channel/<name>` that is not there yet begins with threshold 1. */
export function addKeys(root: Root, role: string, keys: readonly PublicKey[]): Root {
  const standing = isNewChannel(root, role)
    ? { keys: [], threshold: 1 }
    : roleIn(root, role);
  const ids = [...new Set([...standing.keys, ...keys.map(({ id }) => id)])];
  return settled(withKeys(root, keys), role, { ...standing, keys: ids });
}

/** Takes a key from a role; with `endRole`, the last key of a `channel/<name>` takes the role along. */
export function removeKey(root: Root, role: string, id: string, endRole = false): Root {
  const standing = roleIn(root, role);
  refuseUnlisted(standing, role, id);
  const keys = standing.keys.filter((each) => each !== id);
  if (keys.length > 0) return settled(root, role, { ...standing, keys });
  if (endRole && role.startsWith('channel/')) return withoutRole(root, role);
  throw new QxError('usage', 'the last key of a role cannot be removed', {
    where: role,
    found: id,
    hint: role.startsWith('channel/')
      ? `--end-role gives the channel back to the role "channel"; qx-repo root rotate ${role} OLD NEW replaces the key`
      : `qx-repo root rotate ${role} OLD NEW replaces it`,
  });
}

/** Puts a key in the place of another. */
export function rotateKey(root: Root, role: string, old: string, key: PublicKey): Root {
  const standing = roleIn(root, role);
  refuseUnlisted(standing, role, old);
  if (standing.keys.includes(key.id)) {
    throw new QxError('usage', 'the new key has the role already', {
      where: role,
      found: key.id,
      hint: `qx-repo root remove-key ${role} ${old}`,
    });
  }
  const keys = standing.keys.map((id) => (id === old ? key.id : id));
  return settled(withKeys(root, [key]), role, { ...standing, keys });
}

/** How many of a role's keys must sign. */
export function setThreshold(root: Root, role: string, threshold: number): Root {
  return settled(root, role, { ...roleIn(root, role), threshold });
}

/** The lowest release number of a product that hosts accept; `current` is what they were promised. */
export function setFloor(
  root: Root,
  current: Root,
  product: string,
  release: number,
): Root {
  const least = current.floors?.[product] ?? 0;
  if (release < least) {
    throw new QxError('rollback', 'a floor is never lowered', {
      where: product,
      expected: `release ${least} or later, as root ${current.version} says`,
      found: `release ${release}`,
    });
  }
  return { ...root, floors: { ...root.floors, [product]: release } };
}

/** Until when hosts trust it. */
export function setExpiry(root: Root, expires: string, nowMs: number): Root {
  if (Date.parse(expires) > nowMs) return { ...root, expires };
  throw new QxError('stale', 'the expiry lies in the past', {
    where: `root ${root.version}`,
    expected: `after ${formatTime(nowMs)}`,
    found: expires,
  });
}

function isNewChannel(root: Root, role: string): boolean {
  return (
    role.startsWith('channel/') &&
    ROLE_NAME.test(role) &&
    !Object.hasOwn(root.roles, role)
  );
}

function roleIn(root: Root, role: string): Role {
  const found = Object.hasOwn(root.roles, role) ? root.roles[role] : undefined;
  if (found !== undefined) return found;
  throw new QxError('usage', 'the trust root has no such role', {
    expected: Object.keys(root.roles).join(', '),
    found: role,
    hint: 'qx-repo root add-key channel/NAME KEY makes a role for one channel',
  });
}

function refuseUnlisted({ keys }: Role, role: string, id: string): void {
  if (keys.includes(id)) return;
  throw new QxError('usage', 'the role has no such key', {
    where: role,
    expected: `one of [${keys.join(', ')}]`,
    found: id,
  });
}

function withKeys(root: Root, keys: readonly PublicKey[]): Root {
  const all = { ...root.keys };
  for (const key of keys) {
    const line = publicKeyLine(key);
    if ((all[key.id] ?? line) !== line) {
      throw new QxError('usage', 'another key has this id', {
        where: `root ${root.version}`,
        expected: all[key.id],
        found: line,
        hint: 'ids are random: make a new key',
      });
    }
    all[key.id] = line;
  }
  return { ...root, keys: all };
}

function withoutRole(root: Root, role: string): Root {
  const roles = Object.entries(root.roles).filter(([name]) => name !== role);
  return sound({ ...root, roles: Object.fromEntries(roles) });
}

function settled(root: Root, role: string, changed: Role): Root {
  const { keys, threshold } = changed;
  if (threshold < 1 || threshold > keys.length) {
    throw new QxError('usage', 'the threshold could never be met', {
      where: role,
      expected: `1 to ${keys.length}, the number of its keys`,
      found: `${threshold}`,
      hint:
        threshold < 1
          ? undefined
          : `qx-repo root add-key ${role} KEY, or qx-repo root set-threshold ${role} N, first`,
    });
  }
  return sound({ ...root, roles: { ...root.roles, [role]: changed } });
}

/** Without keys that no role has any more; read back as a host reads it. */
function sound(root: Root): Root {
  const used = new Set(Object.values(root.roles).flatMap(({ keys }) => keys));
  const keys = Object.entries(root.keys).filter(([id]) => used.has(id));
  return parseRoot(encodeRoot({ ...root, keys: Object.fromEntries(keys) }));
}
