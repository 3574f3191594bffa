import fs from 'node:fs';
import path from 'node:path';
import { programPath } from '../../support/process.ts';
import { whereIs } from '../../support/programs.mjs';
import { ROOT } from '../../support/setup.mjs';
import { must } from '../fat.ts';
import { cached, filesOf } from './cache.ts';
import { debianFolder, librariesOf } from './debian.ts';

const OVERLAY = path.join(ROOT, 'overlay');
/** What this appliance has of its own; a path in it is the path there. */
const OWN = path.join(import.meta.dirname, 'root');
const BUILDERS = ['root.ts', 'initramfs.ts', 'images.ts'].map((name) =>
  path.join(import.meta.dirname, name),
);

/** Of busybox, what is looked for in /sbin. */
const SBIN = ['init', 'reboot', 'poweroff', 'halt', 'modprobe'];
const NOT_TAKEN = ['busybox', 'dpkg', 'dpkg-deb', 'rpm', 'rpm2cpio'];

/** Two builds of one real server, as what an update brings and what the image came with. */
export const QX_NODE = {
  baked: path.join(ROOT, 'node_modules/esbuild-old/bin/esbuild'),
  updated: path.join(ROOT, 'node_modules/esbuild/bin/esbuild'),
};

/** The root folder of an appliance, whole but for its version: busybox, OpenRC, Node.js, the client, overlay/. */
export async function rootFolder(): Promise<string> {
  const debian = await debianFolder();
  const client = programPath('qx-update');
  const inputs = [debian, process.version, filesOf(OVERLAY, OWN, ...BUILDERS, client)];
  return cached('root', inputs, async (dir) => {
    for (const name of ['dev', 'proc', 'sys', 'run', 'tmp', 'data', 'quantix', 'root'])
      fs.mkdirSync(path.join(dir, name));
    for (const name of ['sbin', 'bin', 'lib/rc', 'etc/rc.conf'])
      copy(path.join(debian, name), path.join(dir, name));
    await addBusybox(dir);
    await addOpenrc(dir, debian);
    await addProgram(dir, process.execPath, 'usr/bin/node');
    for (const name of ['flock', 'blkid'])
      await addProgram(dir, whereIs(name) ?? name, `usr/bin/${name}`);
    fs.symlinkSync('/bin/env', path.join(dir, 'usr/bin/env'));
    copy(QX_NODE.baked, path.join(dir, 'usr/bin/qx-node'));
    copy(OWN, dir);
    await must('sh', [path.join(OVERLAY, 'install.sh'), '--client', client, dir]);
    fs.symlinkSync('/etc/init.d/net', path.join(dir, 'etc/runlevels/default/net'));
    // A Node.js more in each of a hundred emulated boots takes minutes; test/overlay and end-to-end try it.
    fs.rmSync(path.join(dir, 'etc/runlevels/default/quantix-update-serve'));
  });
}

function copy(from: string, to: string): void {
  fs.cpSync(from, to, { recursive: true, verbatimSymlinks: true });
}

async function addBusybox(dir: string): Promise<void> {
  const list = await must(path.join(dir, 'bin/busybox'), ['--list']);
  for (const applet of list.trim().split('\n')) {
    if (NOT_TAKEN.includes(applet)) continue;
    const folder = SBIN.includes(applet) ? 'sbin' : 'bin';
    fs.symlinkSync('/bin/busybox', path.join(dir, folder, applet));
  }
}

/** Debian's OpenRC asks for insserv's configuration, and logs where nothing is to be logged. */
async function addOpenrc(dir: string, debian: string): Promise<void> {
  const folder = path.join(debian, 'lib/x86_64-linux-gnu');
  for (const name of ['openrc', 'openrc-run', 'rc-service', 'rc-update'])
    await addLibraries(dir, path.join(debian, 'sbin', name), folder);
  for (const level of ['sysinit', 'boot', 'default', 'shutdown', 'nonetwork'])
    fs.mkdirSync(path.join(dir, 'etc/runlevels', level), { recursive: true });
  fs.mkdirSync(path.join(dir, 'etc/insserv.conf.d'));
  fs.writeFileSync(path.join(dir, 'etc/insserv.conf'), '');
  fs.appendFileSync(path.join(dir, 'etc/rc.conf'), 'rc_sys=""\nrc_logger="NO"\n');
}

/** A program of this machine with what it is linked with. */
async function addProgram(dir: string, program: string, name: string): Promise<void> {
  copy(fs.realpathSync(program), path.join(dir, name));
  await addLibraries(dir, program);
}

async function addLibraries(dir: string, program: string, folder = ''): Promise<void> {
  for (const [name, file] of await librariesOf(program, folder)) {
    // The loader has its path in every program, the rest is looked for where the loader looks.
    const place = path.isAbsolute(name) ? name : `lib/x86_64-linux-gnu/${name}`;
    if (fs.existsSync(path.join(dir, place))) continue;
    copy(fs.realpathSync(file), path.join(dir, place));
  }
}
