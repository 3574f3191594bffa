import { fingerprintText } from '../../client/format/fingerprint.ts';
import { LIMITS } from '../../client/format/limits.ts';
import type { Root } from '../../client/format/root.ts';
import { rootPath } from '../../client/format/tree.ts';
import { rolesTable } from '../../client/terminal/roles.ts';
import { formatTable } from '../../client/terminal/text.ts';
import { keyNames, labelBy } from '../keys/key-names.ts';
import { differences } from '../root/difference.ts';
import { judgeRoot, signersOf } from '../root/sign-root.ts';
import { sha256Of } from '../tree/digest.ts';
import { rootChain } from '../tree/roots.ts';
import { listPending } from '../workspace/pending.ts';
import type { Workspace } from '../workspace/workspace.ts';
import { type Command, readingIn } from './command.ts';

export const rootShow: Command = {
  name: 'root show',
  describe:
    'Print the current trust root: which keys sign what, and until when; and the next one while it waits',
  examples: ['root show'],
  next: ['root add-key', 'root rotate', 'root set-expiry'],
  run: async (context, _args, flags) => {
    const workspace = await readingIn(context, flags);
    const chain = await rootChain(workspace.tree);
    const root = chain.at(-1) as Root;
    const bytes = await workspace.tree.read(rootPath(root.version), LIMITS.rootBytes);
    const names = await keyNames(workspace.effects.files, workspace.paths.keys);
    const requests = await requestsFor(workspace, root);
    const label = labelBy(names);
    const value = {
      repository: root.repository,
      version: root.version,
      versions: chain.length,
      sha256: bytes === null ? null : sha256Of(bytes),
      expires: root.expires,
      roles: root.roles,
      keys: root.keys,
      names: Object.fromEntries(names),
      floors: root.floors ?? {},
      requests: requests.map(({ next, ...request }) => ({
        ...request,
        changes: differences(root, next, (id) => id),
      })),
    };
    const waiting = requests.map(({ version, signatures, signers, path, next }) =>
      [
        `root ${version} waits for signatures (${signatures}): ${path}`,
        ...differences(root, next, label).map((line) => `  ${line}`),
        ...(signers.length === 0 ? [] : [`signed by ${signers.map(label).join(', ')}`]),
      ].join('\n'),
    );
    const text = [...fingerprint(root, value.sha256), describeRoot(root, names)];
    return { value, text: [...text, ...waiting].join('\n\n') };
  },
};

/** What `qx-update trust add` asks for, as people read it out. */
function fingerprint({ version }: Root, sha256: string | null): string[] {
  return sha256 === null ? [] : [`${rootPath(version)}  ${fingerprintText(sha256)}`];
}

async function requestsFor(workspace: Workspace, current: Root) {
  const pending = await listPending(workspace);
  return pending.flatMap((document) => {
    if (document.type !== 'root' || document.root.version !== current.version + 1)
      return [];
    const { root, bytes, blocks, file } = document;
    const { have, blocks: counting } = judgeRoot(current, root, bytes, blocks);
    return {
      version: root.version,
      path: file,
      signatures: have,
      signers: signersOf(counting),
      next: root,
    };
  });
}

/** A root as tables; keys with the names that they have here. */
export function describeRoot(
  root: Root,
  names: ReadonlyMap<string, string> = new Map(),
): string {
  const keys = Object.entries(root.keys).map(([id, line]) => [
    id,
    line,
    names.get(id) ?? '',
  ]);
  const floors = Object.entries(root.floors ?? {}).map(([name, floor]) => [
    name,
    `${floor}`,
  ]);
  const parts = [
    `root ${root.version} of ${root.repository}, expires ${root.expires}`,
    rolesTable(root),
    formatTable([['key', 'public key', 'in keys/'], ...keys]),
  ];
  if (floors.length > 0)
    parts.push(formatTable([['product', 'lowest release'], ...floors]));
  return parts.join('\n\n');
}
