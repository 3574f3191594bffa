import * as v from 'valibot';
import { type DocumentKind, encodeDocument, parseDocument } from './document.ts';
import { QxError } from './error.ts';
import { LIMITS } from './limits.ts';
import {
  KEY_ID,
  parsePublicKeyLine,
  PUBLIC_KEY_LINE,
  type PublicKey,
} from './minisign/public-key.ts';
import { head, listOf, name, positive, sortedRecord, time, whole } from './shapes.ts';

const keyId = v.pipe(v.string(), v.regex(KEY_ID, 'a key id of 16 upper-case hex digits'));

/** Its bytes are looked at where it is used. */
export const keyLine = v.pipe(
  v.string(),
  v.regex(PUBLIC_KEY_LINE, 'a public key of 56 characters, "RW…"'),
);

/** What a role may be called. */
export const ROLE_NAME = /^(?:root|release|channel|channel\/[a-z0-9][a-z0-9._-]*)$/;

const roleName = v.pipe(
  v.string(),
  v.maxLength(LIMITS.nameCharacters + 'channel/'.length),
  v.regex(ROLE_NAME, 'a role: "root", "release", "channel" or "channel/<name>"'),
);

const role = v.object({ keys: listOf(keyId, LIMITS.keys), threshold: positive });

export const rootSchema = v.object({
  ...head('root'),
  version: positive,
  expires: time,
  keys: sortedRecord(keyId, keyLine, LIMITS.keys),
  roles: sortedRecord(roleName, role, LIMITS.keys),
  floors: v.exactOptional(sortedRecord(name, whole, 1024)),
});

export type Role = v.InferOutput<typeof role>;

export type Root = v.InferOutput<typeof rootSchema>;

export const ROOT: DocumentKind<typeof rootSchema> = {
  type: 'root',
  schema: rootSchema,
  maxBytes: LIMITS.rootBytes,
};

/**
 * A trust root that is sound in itself: every role can be met, no key stands twice under two ids.
 * Who signed it is another question (trust.ts).
 */
export function parseRoot(bytes: Uint8Array, where?: string): Root {
  const root = parseDocument(ROOT, bytes, where);
  checkKeys(root, where);
  checkRoles(root, where);
  return root;
}

export function encodeRoot(root: Root): Buffer {
  return encodeDocument(ROOT, root);
}

/** The keys of a role as they verify; the role must exist in the root. */
export function keysOfRole(root: Root, role: Role): PublicKey[] {
  return role.keys.map((id) => parsePublicKeyLine(keyLineOf(root, id) ?? ''));
}

/** The line "RW…" of a key that the root lists under this id. */
export function keyLineOf({ keys }: Pick<Root, 'keys'>, id: string): string | undefined {
  return Object.hasOwn(keys, id) ? keys[id] : undefined;
}

/** `channel/<name>` where the root has it, else `channel`. */
export function channelRole(root: Root, channel: string): string {
  const own = `channel/${channel}`;
  return Object.hasOwn(root.roles, own) ? own : 'channel';
}

function checkKeys(root: Root, where?: string): void {
  const seen = new Map<string, string>();
  for (const [id, line] of Object.entries(root.keys)) {
    const key = parseKey(id, line, where);
    if (key.id !== id) {
      throw new QxError('malformed', 'root: a key is listed under the id of another', {
        where,
        expected: key.id,
        found: id,
      });
    }
    // A key under two ids would count twice towards a threshold.
    const bytes = key.bytes.toString('hex');
    const twin = seen.get(bytes);
    if (twin !== undefined) {
      throw new QxError('malformed', 'root: one public key under two ids', {
        where,
        found: `${twin} and ${id}`,
      });
    }
    seen.set(bytes, id);
  }
}

function parseKey(id: string, line: string, where?: string): PublicKey {
  try {
    return parsePublicKeyLine(line, `root: keys.${id}`);
  } catch (error) {
    throw error instanceof QxError ? error.with({ where }) : error;
  }
}

function checkRoles(root: Root, where?: string): void {
  for (const required of ['root', 'release', 'channel']) {
    if (!Object.hasOwn(root.roles, required)) {
      throw new QxError('malformed', `root: the role "${required}" is missing`, {
        where,
      });
    }
  }
  for (const [role, { keys, threshold }] of Object.entries(root.roles)) {
    const unknown = keys.find((id) => keyLineOf(root, id) === undefined);
    if (unknown !== undefined) {
      throw new QxError(
        'malformed',
        `root: role "${role}" names a key that is not listed`,
        {
          where,
          found: unknown,
        },
      );
    }
    if (new Set(keys).size !== keys.length) {
      throw new QxError('malformed', `root: role "${role}" names a key twice`, { where });
    }
    if (threshold > keys.length) {
      throw new QxError('malformed', `root: role "${role}" can never be met`, {
        where,
        expected: `at least ${threshold} keys`,
        found: `${keys.length}`,
      });
    }
  }
}
