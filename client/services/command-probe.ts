import { posix } from 'node:path';
import type { Effects, FileInfo } from '../effects/effects.ts';
import { isMissing } from '../effects/files.ts';
import { octal } from '../install/layout.ts';
import type { CommandCheck } from '../format/health.ts';
import type { Component } from '../format/manifest.ts';
import { shownOutput } from './output.ts';
import type { HealthContext, Probe } from './probes.ts';

/** The file to run, or why it is not run. */
export type CommandFile = { path: string } | { refused: string };

/**
 * A command of the host or of the component, run without a shell in a small environment, with JSON about the
 * component on its standard input. It passes when it ends with 0.
 */
export function commandProbe(
  context: HealthContext,
  component: Component,
  check: CommandCheck,
): Probe {
  const { fx } = context;
  return async (timeoutMs, tries) => {
    const file = await commandFile(context, component, check);
    if ('refused' in file) return { ok: false, output: file.refused };
    const content = context.contentOf(component.name);
    const result = await fx.processes.run(file.path, check.args ?? [], {
      timeoutMs,
      input: about(component, content, tries),
    });
    const why = result.timedOut
      ? `no end after ${timeoutMs / 1000} s`
      : result.status === null
        ? 'ended by a signal'
        : `ended with ${result.status}`;
    const said = shownOutput(result.stdout, result.stderr);
    if (result.status === 0) return { ok: true, output: said };
    return { ok: false, output: said === '' ? why : `${why}: ${said}` };
  };
}

function about(component: Component, content: string, tries: number): Buffer {
  const { name, version, kind, install_path, restart_service } = component;
  const told = {
    schemaVersion: 1,
    phase: 'health',
    component: name,
    version,
    kind,
    installPath: install_path,
    content,
    contentSha256: component.content.sha256,
    service: restart_service ?? null,
    try: tries,
  };
  return Buffer.from(`${JSON.stringify(told)}\n`);
}

function commandFile(
  { fx, hooksDir, contentOf }: HealthContext,
  component: Component,
  { file }: CommandCheck,
): Promise<CommandFile> {
  if (!file.startsWith('./')) return hookFile(fx, hooksDir, file);
  return componentFile(fx, contentOf(component.name), component, file);
}

/** A command that the host's owner put into hooks.d: a plain file that nobody else can write. */
export async function hookFile(
  fx: Effects,
  hooksDir: string,
  name: string,
): Promise<CommandFile> {
  const path = `${hooksDir}/${name}`;
  const folder = await folderInfo(fx, hooksDir);
  if (folder === null) return { refused: `there is no folder ${hooksDir}` };
  if (folder.foreign !== undefined)
    return { refused: `${hooksDir} ${folder.foreign.why}` };
  return runnable(fx, path);
}

async function folderInfo(fx: Effects, path: string): Promise<FileInfo | null> {
  try {
    const info = await fx.files.info(await fx.files.realPath(path));
    return info?.type === 'directory' ? info : null;
  } catch (error) {
    if (isMissing(error)) return null;
    throw error;
  }
}

/** A command of the component's own content. A link in it that leads out of it is not followed. */
export async function componentFile(
  fx: Effects,
  content: string,
  component: Pick<Component, 'kind'>,
  file: string,
): Promise<CommandFile> {
  if (component.kind === 'file') return runnable(fx, await fx.files.realPath(content));
  const folder = await fx.files.realPath(content);
  const path = posix.join(folder, file);
  if ((await fx.files.info(path)) === null) return { refused: `${file} is not there` };
  const real = await fx.files.realPath(path);
  if (!real.startsWith(`${folder}/`)) {
    return { refused: `${file} leads out of the component, to ${real}` };
  }
  return runnable(fx, real);
}

async function runnable(fx: Effects, path: string): Promise<CommandFile> {
  const info = await fx.files.info(path);
  if (info === null) return { refused: `${path} is not there` };
  if (info.type !== 'file') return { refused: `${path} is not a plain file` };
  if (info.foreign !== undefined) return { refused: `${path} ${info.foreign.why}` };
  if ((info.mode & 0o111) === 0) {
    return { refused: `${path} is not executable (mode ${octal(info.mode)})` };
  }
  return { path };
}
