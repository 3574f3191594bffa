import { join } from 'node:path';
import { readIfThere } from '../../client/effects/durable.ts';
import { LIMITS } from '../../client/format/limits.ts';
import {
  type PublicKey,
  parsePublicKeyFile,
  parsePublicKeyLine,
  publicKeyLine,
} from '../../client/format/minisign/public-key.ts';
import type { SecretKey } from '../../client/format/minisign/secret-key.ts';
import { type Root, encodeRoot, parseRoot } from '../../client/format/root.ts';
import { rootPath, signaturePath } from '../../client/format/tree.ts';
import { QxError } from '../../client/format/error.ts';
import type { KeyRing } from '../keys/key-ring.ts';
import { keySigner, type Signer } from '../keys/signer.ts';
import { sha256Of } from '../tree/digest.ts';
import { writeBlocks } from '../tree/signatures.ts';
import { keyNamesOf, type WorkspaceConfig } from '../workspace/config.ts';
import type { Workspace } from '../workspace/workspace.ts';
import { rootComment, signDocument } from './sign-document.ts';
import { addDays } from './times.ts';

/** Names of all keys that quantix-repo.toml gives a role to, each once. */
export function signingNames(config: WorkspaceConfig): string[] {
  const roles = ['root', 'release', 'channel', ...Object.keys(config.signing).sort()];
  return [...new Set(roles.flatMap((role) => keyNamesOf(config, role)))];
}

/** The public halves in keys/ and of signers; a name that has neither is missing from the map. */
export async function publicKeys(workspace: Workspace): Promise<Map<string, PublicKey>> {
  const found = new Map<string, PublicKey>();
  for (const name of signingNames(workspace.config)) {
    const signer = workspace.config.signers[name];
    if (signer !== undefined) {
      found.set(name, parsePublicKeyLine(signer.public_key, `public_key of ${name}`));
      continue;
    }
    const path = join(workspace.paths.keys, `${name}.pub`);
    const bytes = await readIfThere(workspace.effects.files, path, LIMITS.publicKeyBytes);
    if (bytes !== null)
      found.set(name, parsePublicKeyFile(bytes, `keys/${name}.pub`).key);
  }
  return found;
}

/** Writes and signs root 1: one signature for each role, by any of the keys that are named for it. */
export async function publishFirstRoot(
  workspace: Workspace,
  publics: ReadonlyMap<string, PublicKey>,
  keys: KeyRing,
  issued: string,
): Promise<Root> {
  const { tree, config } = workspace;
  const bytes = encodeRoot(describeRoot(config, publics, issued));
  const root = parseRoot(bytes, rootPath(1));
  const comment = rootComment(root, issued);
  const signed = await signDocument(root, 'root', bytes, [], keys, comment);
  if (!signed.complete)
    throw new QxError('defect', 'root 1 is not signed', { found: signed.have });
  await writeBlocks(tree, signaturePath(sha256Of(bytes)), signed.blocks);
  await tree.write(rootPath(1), bytes);
  return root;
}

/** The keys that this run made, else what the ring finds: so that a password is asked for once. */
export function preferMade(made: readonly SecretKey[], ring: KeyRing): KeyRing {
  const own = (root: Root, role: string): Signer[] => {
    const ids = root.roles[role]?.keys ?? [];
    return made.filter(({ id }) => ids.includes(id)).map(keySigner);
  };
  const prefer =
    (others: KeyRing['forRole']): KeyRing['forRole'] =>
    async (root, role) => {
      const found = own(root, role);
      return found.length > 0 ? found : others(root, role);
    };
  return { forRole: prefer(ring.forRole), atHand: prefer(ring.atHand) };
}

function describeRoot(
  config: WorkspaceConfig,
  publics: ReadonlyMap<string, PublicKey>,
  issued: string,
): Root {
  const keysOf = (role: string): PublicKey[] =>
    keyNamesOf(config, role).flatMap((name) => publics.get(name) ?? []);
  const roles = [
    ...new Set(['root', 'release', 'channel', ...Object.keys(config.signing)]),
  ];
  return {
    type: 'root',
    format: 1,
    repository: config.repository,
    version: 1,
    expires: addDays(issued, config.root_days),
    keys: Object.fromEntries(
      [...publics.values()].map((key) => [key.id, publicKeyLine(key)]),
    ),
    roles: Object.fromEntries(
      roles.map((role) => [
        role,
        { keys: keysOf(role).map(({ id }) => id), threshold: 1 },
      ]),
    ),
  };
}
