// System programs that tests run as real counterparts. As root on Debian the missing ones are installed,
// after saying so; elsewhere, or with QX_TEST_INSTALL=0, the tests that need them are skipped by name.
import { spawnSync } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import { pathToFileURL } from 'node:url';

/** Program, or a file by its whole path → Debian package. */
export const PROGRAMS = {
  '/usr/lib/grub/i386-pc/boot.img': 'grub-pc-bin',
  '/usr/lib/grub/x86_64-efi/command.lst': 'grub-efi-amd64-bin',
  '/usr/lib/grub/x86_64-efi/moddep.lst': 'grub-efi-amd64-bin',
  '/lib/systemd/systemd': 'systemd',
  '/usr/share/OVMF/OVMF_CODE_4M.fd': 'ovmf',
  aws: 'awscli',
  blkid: 'util-linux',
  brotli: 'brotli',
  busybox: 'busybox',
  chromium: 'chromium',
  curl: 'curl',
  debugfs: 'e2fsprogs',
  'docker-compose': 'docker-compose',
  fish: 'fish',
  flock: 'util-linux',
  'grub-emu': 'grub-emu',
  'grub-fstest': 'grub-common',
  'grub-mkimage': 'grub-common',
  'grub-script-check': 'grub-common',
  jq: 'jq',
  mandoc: 'mandoc',
  mformat: 'mtools',
  mke2fs: 'e2fsprogs',
  minisign: 'minisign',
  mksquashfs: 'squashfs-tools',
  nginx: 'nginx-light',
  openssl: 'openssl',
  promtool: 'prometheus',
  pg_createcluster: 'postgresql',
  'qemu-system-x86_64': 'qemu-system-x86',
  rclone: 'rclone',
  rsync: 'rsync',
  script: 'bsdutils',
  prlimit: 'util-linux',
  setpriv: 'util-linux',
  sfdisk: 'fdisk',
  shellcheck: 'shellcheck',
  strace: 'strace',
  systemctl: 'systemd',
  'systemd-analyze': 'systemd',
  zsh: 'zsh',
};

/** Where the program lies, or undefined. Debian keeps daemons in folders that users' PATHs leave out. */
export function whereIs(name) {
  if (path.isAbsolute(name)) return fs.existsSync(name) ? name : undefined;
  const folders = [
    ...(process.env.PATH ?? '').split(':'),
    '/usr/local/sbin',
    '/usr/sbin',
    '/sbin',
  ];
  return folders.map((folder) => path.join(folder, name)).find(isExecutable);
}

function isExecutable(file) {
  try {
    fs.accessSync(file, fs.constants.X_OK);
    return fs.statSync(file).isFile();
  } catch {
    return false;
  }
}

export function missingPrograms(names = Object.keys(PROGRAMS)) {
  return names.filter((name) => whereIs(name) === undefined);
}

/** Installs what is missing where that is possible; returns what is missing afterwards. */
export function installMissing(say = (line) => console.error(line)) {
  const missing = missingPrograms();
  if (missing.length === 0) return [];
  const obstacle = whyNotInstall();
  if (obstacle !== undefined) {
    say(
      `setup: ${missing.join(', ')} not installed (${obstacle}): tests that need them are skipped`,
    );
    return missing;
  }
  install(missing, say);
  return missingPrograms();
}

function whyNotInstall() {
  if (process.env.QX_TEST_INSTALL === '0') return 'QX_TEST_INSTALL=0';
  if (process.getuid?.() !== 0) return 'not root';
  if (whereIs('apt-get') === undefined) return 'no apt-get here';
  return undefined;
}

function install(missing, say) {
  const packages = [...new Set(missing.map((name) => PROGRAMS[name]))];
  say(`setup: installing ${packages.join(' ')} (apt-get; QX_TEST_INSTALL=0 forbids it)`);
  const first = aptGet(['install', ...packages]);
  if (first.status === 0) return;
  const update = aptGet(['update']);
  const second = update.status === 0 ? aptGet(['install', ...packages]) : update;
  if (second.status !== 0)
    say(`setup: apt-get failed:\n${second.stdout}${second.stderr}`);
}

function aptGet([command, ...packages]) {
  const args = ['-qq', '-y', '-o', 'DPkg::Lock::Timeout=300', command];
  // Nothing that the machine has goes for it, such as another init's helpers for systemd's.
  if (command === 'install')
    args.push('--no-install-recommends', '--no-remove', ...packages);
  return spawnSync('apt-get', args, {
    encoding: 'utf8',
    // A package that starts a service on install must not take a port on the developer's machine.
    env: { ...process.env, DEBIAN_FRONTEND: 'noninteractive', RUNLEVEL: '1' },
  });
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? '').href) {
  process.exitCode = installMissing().length === 0 ? 0 : 1;
}
