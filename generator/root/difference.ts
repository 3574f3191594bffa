import type { Role, Root } from '../../client/format/root.ts';

/** How a key is called where people read: its id alone, or with the name that it has in keys/. */
export type KeyLabel = (id: string) => string;

/** What a root changes, one line each, for somebody who is asked to sign it. */
export function differences(before: Root, after: Root, label: KeyLabel): string[] {
  const roles = new Set([...Object.keys(before.roles), ...Object.keys(after.roles)]);
  const products = new Set([
    ...Object.keys(before.floors ?? {}),
    ...Object.keys(after.floors ?? {}),
  ]);
  return [
    `version     ${before.version} → ${after.version}`,
    ...changed('expires    ', before.expires, after.expires),
    ...[...roles].sort().flatMap((role) => roleLines(role, before, after, label)),
    ...[...products]
      .sort()
      .flatMap((product) =>
        changed(
          `floor       ${product}:`,
          `${before.floors?.[product] ?? 'none'}`,
          `${after.floors?.[product] ?? 'none'}`,
        ),
      ),
  ];
}

function changed(what: string, before: string, after: string): string[] {
  return before === after ? [] : [`${what} ${before} → ${after}`];
}

function roleLines(role: string, before: Root, after: Root, label: KeyLabel): string[] {
  const [old, now] = [roleOf(before, role), roleOf(after, role)];
  const fallback = role.startsWith('channel/')
    ? ' (until now "channel" signed for it)'
    : '';
  const head =
    old === undefined
      ? [`role        ${role}: new${fallback}`]
      : now === undefined
        ? [`role        ${role}: ends, "channel" signs for it`]
        : [];
  const threshold = changed(
    `threshold   ${role}:`,
    `${old?.threshold ?? 'none'}`,
    `${now?.threshold ?? 'none'}`,
  );
  const [had, has] = [old?.keys ?? [], now?.keys ?? []];
  const gone = had.filter((id) => !has.includes(id));
  const come = has.filter((id) => !had.includes(id));
  return [
    ...head,
    ...threshold,
    ...gone.map((id) => `key         ${role}: - ${label(id)}`),
    ...come.map((id) => `key         ${role}: + ${label(id)}  ${after.keys[id] ?? ''}`),
  ];
}

function roleOf(root: Root, role: string): Role | undefined {
  return Object.hasOwn(root.roles, role) ? root.roles[role] : undefined;
}
