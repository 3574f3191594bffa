import fs from 'node:fs';
import path from 'node:path';
import type { Test } from 'tap';
import { parseRoot } from '../../client/format/root.ts';
import { snapshot } from '../support/snapshot.ts';
import { type Json, ok } from './support.ts';

export const rootOf = (workspace: string, version: number) =>
  parseRoot(fs.readFileSync(path.join(workspace, `public/root/${version}.json`)));

/** Names in pending/. */
export const pendingIn = (workspace: string): string[] => {
  const folder = path.join(workspace, 'pending');
  return fs.existsSync(folder) ? fs.readdirSync(folder) : [];
};

/** Everything that hosts see, at any depth; the folder must not change while somebody waits. */
export const served = (workspace: string) => snapshot(path.join(workspace, 'public'));

/** Makes keys in keys/; gives their ids by name. */
export async function keygen(
  workspace: string,
  ...names: string[]
): Promise<Record<string, string>> {
  const ids: Record<string, string> = {};
  for (const name of names) {
    const { id } = await ok(workspace, ['keygen', name, '--no-password']);
    ids[name] = id as string;
  }
  return ids;
}

/** Moves a secret key to where another person has it; its .pub stays. */
export function handOver(workspace: string, name: string): string {
  const folder = path.join(workspace, '..', 'elsewhere');
  fs.mkdirSync(folder, { recursive: true });
  const file = path.join(folder, `${name}.key`);
  fs.renameSync(path.join(workspace, `keys/${name}.key`), file);
  return file;
}

/** `verify` finds nothing at all to say. */
export async function verified(t: Pick<Test, 'same'>, workspace: string): Promise<Json> {
  const report = await ok(workspace, ['verify']);
  t.same(report.problems, [], 'verify finds nothing to say');
  return report;
}
