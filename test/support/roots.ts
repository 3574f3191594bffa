import { publicKeyLine } from '../../client/format/minisign/public-key.ts';
import { encodeSignatures, sign } from '../../client/format/minisign/signature.ts';
import { encodeRoot } from '../../client/format/root.ts';
import { rootPath, signaturePath } from '../../client/format/tree.ts';
import { fixedKey, type Forge, sha256 } from './forge.ts';

/**
 * Roots 2 to `last`: each brings a root key of its own, and is signed with the one before and with it. All but the
 * last may have expired.
 */
export function publishRoots(
  forge: Forge,
  last: number,
  expires = forge.root.expires,
): void {
  let before = forge.keys.root;
  for (let version = 2; version <= last; version += 1) {
    const key = fixedKey(100 + version);
    const bytes = encodeRoot({
      ...forge.root,
      version,
      expires: version === last ? forge.root.expires : expires,
      keys: { ...forge.root.keys, [key.id]: publicKeyLine(key.publicKey) },
      roles: { ...forge.root.roles, root: { keys: [key.id], threshold: 1 } },
    });
    const blocks = [before, key].map((each) =>
      sign(each, bytes, { trustedComment: `root ${version}` }),
    );
    forge.put(rootPath(version), bytes);
    forge.put(signaturePath(sha256(bytes)), encodeSignatures(blocks));
    before = key;
  }
}
