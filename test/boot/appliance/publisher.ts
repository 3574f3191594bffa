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
  const { port } = await startNginx(t, workspace.public);
  const settings = [
    'product = "quantix-os"',
    `url = "http://10.0.2.2:${port}/"`,
    'trust_root = "/quantix/root.json"',
    'service_manager = "openrc"',
    'splay = "0s"',
    'auto_apply = true',
    'auto_reboot = true',
  ];
  const root = fs.readFileSync(path.join(workspace.public, 'root/1.json'));
  const config = { 'update.toml': `${settings.join('\n')}\n`, 'root.json': root };
  const what = ['--product', 'quantix-os', '--channel', 'stable', '--fast'];
  const publish = async (version: string, ...words: string[]): Promise<void> => {
    await workspace.ok(['generate', ...what, '--version', version, ...words]);
  };
  return { config, publish };
}
