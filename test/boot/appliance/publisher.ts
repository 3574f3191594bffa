import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { startNginx } from '../../support/nginx.ts';
import { makeWorkspace } from '../../support/sandbox.ts';
import type { Contents } from '../fat.ts';
import type { Owner } from './qemu.ts';

export interface Publisher {
  /** Files of /quantix on the appliances that it publishes for. */
  config: Contents;
  /** Publishes a version for all of them; the words are further ones of `qx-repo generate`. */
  publish(version: string, ...words: string[]): Promise<void>;
}

/** A workspace as `qx-repo init` makes it, and nginx on this machine, which QEMU's network reaches as 10.0.2.2. */
export async function newPublisher(t: Owner): Promise<Publisher> {
  const dir = fs.mkdtempSync(path.join(os.tmpdir(), 'quantix-publisher-'));
  t.teardown(() => fs.rmSync(dir, { recursive: true, force: true }));
  const workspace = await makeWorkspace(path.join(dir, 'workspace'));
  describeComponents(path.join(workspace.dir, 'quantix-repo.toml'));
  const { port } = await startNginx(t, workspace.public);
  const settings = [
    'product = "quantix-os"',
    `url = "http://10.0.2.2:${port}/"`,
    'trust_root = "/quantix/root.json"',
    'service_manager = "openrc"',
    'check_interval = "0s"',
    'auto_apply = true',
    'auto_reboot = true',
    `allow_paths = ${JSON.stringify(['/data/bin/qx-node', UPDATER, BOOT_LOADER])}`,
  ];
  const root = fs.readFileSync(path.join(workspace.public, 'root/1.json'));
  const config = { 'update.toml': `${settings.join('\n')}\n`, 'root.json': root };
  const what = ['--product', 'quantix-os', '--channel', 'stable', '--fast'];
  const publish = async (version: string, ...words: string[]): Promise<void> => {
    await workspace.ok(['generate', ...what, '--version', version, ...words]);
  };
  return { config, publish };
}

/** Where an update brings the client itself. */
const UPDATER = '/data/bin/qx-update';
/** And a grub.cfg, which a program beside it puts in the place of the old one. */
const BOOT_LOADER = '/data/share/boot-loader';

/** The agent has to answer after a restart; the client is a component like another. */
function describeComponents(file: string): void {
  const check = '{ type = "tcp", port = 8080, timeout_seconds = 2, retries = 10 }';
  const restart = 'restart_service = "quantix-node"\n';
  const text = fs.readFileSync(file, 'utf8');
  const more = [
    '[products.quantix-os.components.qx-update]',
    'kind = "file"',
    `install_path = "${UPDATER}"`,
    'permissions = "0755"',
    '[products.quantix-os.components.boot-loader]',
    'kind = "directory"',
    `install_path = "${BOOT_LOADER}"`,
    'health = [{ type = "command", file = "./put", timeout_seconds = 60 }]',
  ];
  fs.writeFileSync(
    file,
    `${text.replace(restart, `${restart}health = [${check}]\n`)}\n${more.join('\n')}\n`,
  );
}
