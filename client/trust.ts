import type { Config } from './config/config.ts';
import type { Files } from './effects/effects.ts';
import type { RepositoryMemory } from './format/client-state.ts';
import { fingerprintText } from './format/fingerprint.ts';
import type { Root } from './format/root.ts';
import type { RootFile } from './policy/pin.ts';
import { sha256Hex } from './reader/signatures.ts';
import { readState } from './state/state-store.ts';
import { readTrust } from './state/trust-store.ts';
import { rolesTable } from './terminal/roles.ts';
import { formatTable } from './terminal/text.ts';

/** Whom this host believes, for people and for --json. */
export interface Trust {
  /** The file of the pinned root. */
  file: string;
  pinned: RootFile;
  /** Of pinned root and of those that were walked to, the newest. */
  trusted: RootFile;
  /** Versions from the pinned root to the trusted one. */
  walked: number[];
  memory: RepositoryMemory | undefined;
}

export async function describeTrust(files: Files, config: Config): Promise<Trust> {
  const { stateDir, trustRoot } = config;
  const { pinned, trusted, walked } = await readTrust(files, stateDir, trustRoot);
  const state = await readState(files, stateDir);
  const memory = state.repositories[pinned.root.repository];
  return { file: trustRoot, pinned, trusted, walked, memory };
}

function rootValue({ root, bytes }: RootFile): Record<string, unknown> {
  const sha256 = sha256Hex(bytes);
  const { version, expires } = root;
  return { version, expires, sha256, fingerprint: fingerprintText(sha256) };
}

export function trustValue(trust: Trust): Record<string, unknown> {
  const { file, pinned, trusted, walked } = trust;
  const { root } = trusted;
  return {
    repository: root.repository,
    pinned: { file, ...rootValue(pinned) },
    trusted: rootValue(trusted),
    walked,
    keys: Object.entries(root.keys).map(([id, publicKey]) => ({
      id,
      publicKey,
      roles: rolesOf(root, id),
    })),
    roles: root.roles,
    floors: floorsOf(trust),
  };
}

function rolesOf({ roles }: Root, id: string): string[] {
  const entries = Object.entries(roles).filter(([, { keys }]) => keys.includes(id));
  return entries.map(([name]) => name);
}

interface Floor {
  product: string;
  /** Lowest release number by the root, and by what was installed here; null where there is none. */
  root: number | null;
  learned: number | null;
}

function floorsOf({ trusted, memory }: Trust): Floor[] {
  const [named, learned] = [trusted.root.floors ?? {}, memory?.floors ?? {}];
  const products = [...new Set([...Object.keys(named), ...Object.keys(learned)])].sort();
  return products.map((product) => ({
    product,
    root: named[product] ?? null,
    learned: learned[product] ?? null,
  }));
}

/** What a person compares before it is pinned. */
export function rootLines({ root, bytes }: RootFile): string[] {
  return [
    `root ${root.version} of ${root.repository}, expires ${root.expires}`,
    `  ${fingerprintText(sha256Hex(bytes))}`,
  ];
}

export function trustText(trust: Trust): string {
  const { file, pinned, trusted, walked } = trust;
  const { root } = trusted;
  const floors = floorsOf(trust).map(({ product, root: named, learned }) => [
    product,
    String(named ?? '-'),
    String(learned ?? '-'),
  ]);
  const lines = [`pinned (${file}):`, ...rootLines(pinned).map((line) => `  ${line}`)];
  if (walked.length > 1) {
    lines.push(`trusted now, walked ${walked.join(' → ')}:`);
    lines.push(...rootLines(trusted).map((line) => `  ${line}`));
  }
  lines.push('', rolesTable(root));
  if (floors.length > 0)
    lines.push('', formatTable([['floor', 'by the root', 'learned'], ...floors], [1, 2]));
  return lines.join('\n');
}
