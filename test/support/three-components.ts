import fs from 'node:fs';
import path from 'node:path';
import { pathToFileURL } from 'node:url';
import type { Test } from 'tap';
import { runCommandLine } from '../../client/cli.ts';
import type { Manifest } from '../../client/format/manifest.ts';
import type { CutRun } from './cut-off.ts';
import { type Forge, makeForge, sha256 } from './forge.ts';
import { memoryFolder } from './memory.ts';
import { makeHost } from './sandbox.ts';
import { archive, file, folder, link } from './tar.ts';

/** Releases of two files and a folder, small enough to be installed a thousand times. */

export const PLACES = [
  '/data/bin/qx-node',
  '/data/bin/qx-console',
  '/data/share/quantix-host-ui',
];

/** In the order of their places. */
export const NAMES = ['qx-node', 'qx-console', 'host-ui'];

export const fileContent = (name: string, version: string): Buffer =>
  Buffer.from(`#!/bin/sh\necho ${name} ${version}\n`);

const folderContent = (version: string): Buffer =>
  archive(
    folder('static'),
    file('static/app.js', version.length),
    version,
    link('static/main.js', 'app.js'),
    file('version', version.length),
    version,
  );

type Component = Manifest['components'][number];

/** `more` are further fields of the components, by name. */
export function publish(
  forge: Forge,
  version: string,
  serial: number,
  more: Record<string, Partial<Component>> = {},
  floor = serial,
): void {
  const component = (
    name: string,
    content: Buffer,
    install_path: string,
    kind: 'file' | 'directory',
  ): Component => ({
    name,
    version,
    kind,
    install_path,
    permissions: '0755',
    content: { sha256: sha256(content), size: content.length },
    sources: [forge.object(content, kind === 'file' ? 'identity' : 'br')],
    ...more[name],
  });
  const [node = '', console = '', ui = ''] = PLACES;
  forge.release({
    version,
    serial,
    manifest: {
      release: serial,
      floor,
      components: [
        component('qx-node', fileContent('qx-node', version), node, 'file'),
        component('qx-console', fileContent('qx-console', version), console, 'file'),
        component('host-ui', folderContent(version), ui, 'directory'),
      ],
    },
  });
}

/** The version that stands at each install path: "" for nothing, "mixed" for what is no version of ours. */
export function standing(dir: string): string[] {
  return PLACES.map((place) => versionAt(path.join(dir, place)));
}

export function versionAt(place: string): string {
  if (!fs.existsSync(place)) return '';
  if (!fs.statSync(place).isDirectory()) {
    const bytes = fs.readFileSync(place);
    const [, name = '', version = ''] = /echo (\S+) (\S+)/.exec(bytes.toString()) ?? [];
    return bytes.equals(fileContent(name, version)) ? version : 'mixed';
  }
  const version = readIfThere(path.join(place, 'version'));
  const whole =
    readIfThere(path.join(place, 'static/app.js')) === version &&
    readIfThere(path.join(place, 'static/main.js')) === version;
  return whole && version !== '' ? version : 'mixed';
}

export function readIfThere(name: string): string {
  return fs.existsSync(name) ? fs.readFileSync(name, 'utf8') : '';
}

export interface Ended {
  status: number;
  said: string;
}

/** A command of a fresh client in this process, with the effects of `run`. */
export async function client(
  dir: string,
  words: string[],
  run: CutRun,
  signal = new AbortController().signal,
  program = runCommandLine,
): Promise<Ended> {
  let said = '';
  const sink = { write: (text: string) => (said += text) };
  const status = await program(['--root', dir, ...words, '--quiet'], {
    fx: run.effects,
    env: {},
    stdout: sink,
    stderr: sink,
    signal,
    machine: 'x86_64',
  });
  await run.bury();
  return { status, said };
}

/** A forge and a host of its own, which trusts it and reads it as a folder; in memory, where that is possible. */
export function world(t: Test) {
  const dir = memoryFolder(t);
  const tree = path.join(dir, 'tree');
  const forge = makeForge(tree);
  const host = (at: string) =>
    makeHost(at, { url: pathToFileURL(tree).href, root: forge.rootBytes });
  return { dir, forge, host };
}
