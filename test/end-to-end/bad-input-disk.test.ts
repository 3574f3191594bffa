import { execFileSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import fs from 'node:fs';
import t from 'tap';
import { refuseRows, type Row } from '../support/bad-input.ts';
import { nextRelease, type Publish } from '../support/bad-tree.ts';
import { needsMounts, needsRoot } from '../support/needs.ts';
import type { Host } from '../support/sandbox.ts';

/** With an object large enough to fill something. */
const good: Publish = (forge) => {
  nextRelease(forge, { content: Buffer.alloc(3_000_000, 'quantix ') });
};

/** A small disk of its own at a path of the host, with what lay there. */
function onDisk(file: string, options: string) {
  return (host: Host): (() => void) => {
    const path = host.path(file);
    const copy = `${path}.copy`;
    fs.cpSync(path, copy, { recursive: true, verbatimSymlinks: true });
    execFileSync('mount', [
      '-t',
      'tmpfs',
      '-o',
      `${options},mode=755`,
      'quantix-test',
      path,
    ]);
    fs.cpSync(copy, path, { recursive: true, verbatimSymlinks: true });
    return () => execFileSync('umount', ['-l', path]);
  };
}

/** Something else takes the last of the space when the object is asked for. */
function filledOnTheWay(): Pick<Row, 'publish' | 'host'> {
  let filler = '';
  return {
    host: (host) => {
      filler = host.path('/data/components/staging-filler');
      return onDisk('/data/components', 'size=20m')(host);
    },
    publish: (forge) => {
      nextRelease(forge, { content: randomBytes(3_000_000) });
      return (wanted) => {
        if (wanted.startsWith('/objects/')) fill(filler, 18_500_000);
        return false;
      };
    },
  };
}

function fill(file: string, bytes: number): void {
  fs.writeFileSync(file, Buffer.alloc(bytes));
}

function readOnly(file: string) {
  return (host: Host): (() => void) => {
    const path = host.path(file);
    execFileSync('mount', ['--bind', path, path]);
    execFileSync('mount', ['-o', 'remount,bind,ro', path]);
    return () => execFileSync('umount', ['-l', path]);
  };
}

const noMount = needsMounts().skip;

const DISKS: Row[] = [
  {
    name: 'a disk that is too small, seen before anything is fetched',
    publish: good,
    host: onDisk('/data/components', 'size=10m'),
    exit: 31,
    verified: 'manifest',
    skip: noMount,
    says: {
      error: /not enough space for this release/,
      where: /data\/components/,
      expected: /\d+ bytes free/,
      found: /\d+ bytes free/,
      hint: /nothing was downloaded/,
    },
  },
  {
    name: 'a disk that has no place for another file',
    publish: good,
    host: onDisk('/data/components', 'size=64m,nr_inodes=11'),
    exit: 31,
    verified: 'manifest',
    staged: 'object',
    skip: noMount,
    says: {
      error: /no space left on the disk/,
      where: /data\/components\/staging/,
      found: /ENOSPC/,
      hint: /what was downloaded is kept/,
    },
  },
  {
    ...filledOnTheWay(),
    name: 'a disk that fills up while an object comes',
    exit: 31,
    verified: 'manifest',
    staged: 'part',
    skip: noMount,
    says: {
      error: /no space left on the disk/,
      where: /data\/components\/staging\/[0-9a-f]{64}\.part/,
      found: /ENOSPC/,
    },
  },
  {
    name: 'a read-only components folder',
    publish: good,
    host: readOnly('/data/components'),
    exit: 31,
    verified: 'manifest',
    skip: noMount,
    says: {
      error: /the file system is read-only/,
      where: /data\/components/,
      found: /EROFS/,
      hint: /writable/,
    },
  },
  {
    name: 'a read-only state folder',
    publish: good,
    host: readOnly('/data/updates'),
    exit: 31,
    recorded: false,
    skip: noMount,
    says: {
      error: /the file system is read-only/,
      where: /data\/updates/,
      found: /EROFS/,
    },
  },
];

t.test('disks', (t) => refuseRows(t, DISKS));

t.test('a user who may not write', needsRoot(), (t) =>
  refuseRows(t, [
    {
      name: 'a state folder of somebody else',
      publish: good,
      as: ['setpriv', '--reuid=65534', '--regid=65534', '--clear-groups'],
      exit: 31,
      recorded: false,
      says: { error: /permission denied/, where: /data\/updates/, found: /EACCES/ },
    },
  ]),
);
