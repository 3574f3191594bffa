import type { Root } from '../../client/format/root.ts';
import { formatTable } from '../../client/terminal/text.ts';
import { rootChain } from '../tree/roots.ts';
import { type Command, readingIn } from './command.ts';

export const rootShow: Command = {
  name: 'root show',
  describe: 'Print the current trust root: which keys sign what, and until when',
  examples: ['root show'],
  run: async (context, _args, flags) => {
    const workspace = await readingIn(context, flags);
    const chain = await rootChain(workspace.tree);
    const root = chain.at(-1) as Root;
    const value = {
      repository: root.repository,
      version: root.version,
      versions: chain.length,
      expires: root.expires,
      roles: root.roles,
      keys: root.keys,
      floors: root.floors ?? {},
    };
    return { value, text: describeRoot(root) };
  },
};

function describeRoot(root: Root): string {
  const roles = Object.entries(root.roles).map(([role, { keys, threshold }]) => [
    role,
    `${threshold} of ${keys.length}`,
    keys.join(' '),
  ]);
  const floors = Object.entries(root.floors ?? {}).map(([name, floor]) => [
    name,
    `${floor}`,
  ]);
  const parts = [
    `root ${root.version} of ${root.repository}, expires ${root.expires}`,
    formatTable([['role', 'signatures', 'keys'], ...roles]),
    formatTable([['key', 'public key'], ...Object.entries(root.keys)]),
  ];
  if (floors.length > 0)
    parts.push(formatTable([['product', 'lowest release'], ...floors]));
  return parts.join('\n\n');
}
