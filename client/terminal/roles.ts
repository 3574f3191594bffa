import type { Root } from '../format/root.ts';
import { formatTable } from './text.ts';

/** Which keys sign what, and how many of them it takes. */
export function rolesTable({ roles }: Pick<Root, 'roles'>): string {
  const rows = Object.entries(roles).map(([name, { keys, threshold }]) => [
    name,
    `${threshold} of ${keys.length}`,
    keys.join(' '),
  ]);
  return formatTable([['role', 'threshold', 'keys'], ...rows]);
}
