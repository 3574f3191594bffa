import { createHash } from 'node:crypto';
import { spawnSync } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import { whereIs } from './programs.mjs';

/** What the older clients read of an answer. */
export interface OlderComponent {
  name: string;
  version: string;
  artifact: string;
  sha256: string;
  size_bytes: number;
  install_path: string;
  restart_service: string | null;
  backup_before_update: boolean;
  permissions: string;
  requires_db_migration?: boolean;
}

export interface OlderManifest {
  product: string;
  version: string;
  channel: string;
  components: OlderComponent[];
}

/** The `updates:` section of an older host, as far as it decides what is asked. */
export interface OlderHost {
  /** Stands for "/". */
  dir: string;
  server_url: string;
  channel: string;
  product: 'quantix-os' | 'quantix-vdc';
  /** Bytes of each download that are here already, as after a connection that broke off. */
  resumeFrom?: number;
}

/** Components that these clients unpack as folders whatever their path says. */
const FOLDERS = {
  'quantix-os': ['host-ui', 'guest-agent'],
  'quantix-vdc': ['dashboard', 'migrations'],
};

/**
 * One update as the older clients make it: the manifest of the channel; each artifact by its name, with the channel
 * that the manifest names; its SHA-256; `tar -xzf`; then the folder in place, or the one file out of a temporary
 * folder, found by the component's name. Gives what would be restarted, in order.
 */
export async function updateAsOlderClient(host: OlderHost): Promise<{
  manifest: OlderManifest;
  restarts: string[];
}> {
  const api = `${host.server_url}/api/v1/${host.product}`;
  const manifest = await getJson<OlderManifest>(
    `${api}/manifest?channel=${host.channel}`,
  );
  const staging = path.join(host.dir, 'data/updates/staging');
  fs.mkdirSync(staging, { recursive: true });
  const restarts: string[] = [];
  for (const component of manifest.components) {
    const file = path.join(staging, component.artifact);
    const url = `${api}/releases/${manifest.version}/${component.artifact}?channel=${manifest.channel}`;
    await download(url, file, host.resumeFrom ?? 0, component.size_bytes);
    const bytes = fs.readFileSync(file);
    const found = createHash('sha256').update(bytes).digest('hex');
    if (found !== component.sha256 || bytes.length !== component.size_bytes)
      throw new Error(`${component.name}: checksum mismatch`);
    install(host, component, file);
    if (component.restart_service !== null) restarts.push(component.restart_service);
  }
  return { manifest, restarts };
}

export async function getJson<T>(url: string): Promise<T> {
  const reply = await fetch(url);
  if (reply.status !== 200) throw new Error(`${url} answered ${reply.status}`);
  return (await reply.json()) as T;
}

/** With a part of it here already, only the rest is asked for and appended. */
async function download(
  url: string,
  file: string,
  from: number,
  size: number,
): Promise<void> {
  const whole = Buffer.from(await (await fetch(url)).arrayBuffer());
  const start = Math.min(from, size - 1);
  fs.writeFileSync(file, whole.subarray(0, start));
  const reply = await fetch(
    url,
    start === 0 ? {} : { headers: { range: `bytes=${start}-` } },
  );
  if (reply.status !== (start === 0 ? 200 : 206))
    throw new Error(`${url}: ${reply.status}`);
  fs.appendFileSync(file, Buffer.from(await reply.arrayBuffer()));
}

function install(host: OlderHost, component: OlderComponent, archive: string): void {
  const target = path.join(host.dir, component.install_path);
  const isFolder =
    FOLDERS[host.product].includes(component.name) ||
    component.install_path.endsWith('/');
  if (isFolder) {
    if (host.product === 'quantix-vdc')
      fs.rmSync(target, { recursive: true, force: true });
    fs.mkdirSync(target, { recursive: true });
    untar(archive, target);
    return;
  }
  const aside = fs.mkdtempSync(path.join(host.dir, 'extract-'));
  untar(archive, aside);
  fs.mkdirSync(path.dirname(target), { recursive: true });
  fs.copyFileSync(path.join(aside, component.name), `${target}.tmp`);
  fs.chmodSync(`${target}.tmp`, Number.parseInt(component.permissions, 8));
  fs.renameSync(`${target}.tmp`, target);
  fs.rmSync(aside, { recursive: true });
}

function untar(archive: string, folder: string): void {
  const { status, stderr } = spawnSync(
    whereIs('busybox') ?? 'busybox',
    ['tar', '-xzf', archive, '-C', folder],
    { encoding: 'utf8' },
  );
  if (status !== 0) throw new Error(`busybox tar: ${stderr}`);
}
