import fs from 'node:fs';
import path from 'node:path';
import { type Json, newWorkspace, readJson, smallRelease } from './support.ts';

export const OS = 'public/api/v1/quantix-os';

/** A workspace with `older_api = true`. */
export async function olderWorkspace(dir: string): Promise<string> {
  const workspace = await newWorkspace(path.join(dir, 'workspace'));
  switchOn(workspace);
  return workspace;
}

export function switchOn(workspace: string): void {
  const file = path.join(workspace, 'quantix-repo.toml');
  const text = fs.readFileSync(file, 'utf8');
  fs.writeFileSync(file, text.replace('# older_api = true', 'older_api = true'));
}

export const release = (dir: string, version: string, channel = 'dev'): string[] => [
  'generate',
  '--version',
  version,
  '--channel',
  channel,
  '--fast',
  ...smallRelease(path.join(dir, version), version),
];

interface Row {
  version: string;
  channel: string;
}

export const listed = (workspace: string, name = 'releases/index.json'): string[] =>
  (readJson(workspace, OS, name) as unknown as Row[]).map(
    ({ version, channel }) => `${channel} ${version}`,
  );

export const artifact = (workspace: string, version: string, name = 'qx-node'): string =>
  path.join(workspace, OS, `releases/${version}/${name}.tar.gz`);

export const current = (workspace: string, channel: string): Json =>
  readJson(workspace, OS, `channels/${channel}/manifest.json`);

/** An empty folder with the workspace's configuration and keys, as a CI job has it. */
export function newJob(dir: string, workspace: string, name = 'job'): string {
  const job = path.join(dir, name);
  fs.rmSync(job, { recursive: true, force: true });
  for (const each of ['quantix-repo.toml', 'serials.json', 'keys'])
    fs.cpSync(path.join(workspace, each), path.join(job, each), { recursive: true });
  return job;
}
