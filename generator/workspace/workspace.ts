import { resolve } from 'node:path';
import type { Effects } from '../../client/effects/effects.ts';
import { readIfThere, removeTree } from '../../client/effects/durable.ts';
import { QxError } from '../../client/format/error.ts';
import { LIMITS } from '../../client/format/limits.ts';
import { type Tree, openTree } from '../tree/tree.ts';
import { type WorkspaceConfig, parseWorkspaceConfig } from './config.ts';
import { type WorkspacePaths, workspacePaths } from './paths.ts';

export interface Workspace {
  effects: Effects;
  paths: WorkspacePaths;
  config: WorkspaceConfig;
  /** `public/`; with `dryRun` its writes are only remembered. */
  tree: Tree;
  dryRun: boolean;
}

export interface OpenOptions {
  dryRun?: boolean;
}

/** The workspace whose quantix-repo.toml lies in `folder`; QxError `config` where there is none. */
export async function openWorkspace(
  effects: Effects,
  folder: string,
  { dryRun = false }: OpenOptions = {},
): Promise<Workspace> {
  const paths = workspacePaths(resolve(folder));
  const bytes = await readIfThere(effects.files, paths.config, LIMITS.configurationBytes);
  if (bytes === null) {
    throw new QxError('config', 'not a workspace: quantix-repo.toml is missing', {
      where: paths.config,
      hint: 'qx-repo init DIR --repository ID, or --workspace DIR',
    });
  }
  const config = parseWorkspaceConfig(bytes, paths.config);
  const tree = openTree(effects.files, paths.public, paths.staging, dryRun);
  return { effects, paths, config, tree, dryRun };
}

/** Leftovers of a run that was cut off; call it under the lock only. */
export async function emptyStaging(workspace: Workspace): Promise<void> {
  const { files } = workspace.effects;
  await removeTree(files, workspace.paths.staging);
  await files.makeDirectory(workspace.paths.staging, 0o700);
}

/** True where `pull` made the workspace, so that objects of older releases may be elsewhere. */
export async function isPulled(workspace: Workspace): Promise<boolean> {
  return (await workspace.effects.files.info(workspace.paths.pulled)) !== null;
}
