import fs from 'node:fs';
import path from 'node:path';
import { brotliCompressSync, constants } from 'node:zlib';
import t from 'tap';
import type { Component } from '../../client/format/manifest.ts';
import { BLOCK, encodeHeader } from '../../client/format/tar.ts';
import { sha256 } from '../support/forge.ts';
import { needs } from '../support/needs.ts';
import { ROOT } from '../support/setup.mjs';
import { archive, edited, file, folder, link } from '../support/tar.ts';
import { installs, refuses } from './judge.ts';
import { stories, type World } from './world.ts';

/** Release and channel key are stolen, and every digest is right: what may a content do on its way in? */

const story = stories(t);
const MIB = 1024 * 1024;

/** A release whose folder is this archive. */
function publishFolder(world: World, tar: Buffer): void {
  const source = world.forge.object(tar, 'br');
  world.publish('1.1.0', {
    component: {
      name: 'host-ui',
      kind: 'directory',
      install_path: '/data/share/quantix-host-ui',
      content: { sha256: sha256(tar), size: tar.length },
      sources: [source],
    },
  });
}

const named = (name: string): Buffer => edited(encodeHeader(file('x', 2)), [[0, name]]);
const typed = (type: string, target = ''): Buffer =>
  edited(encodeHeader(file('x')), [
    [156, type],
    ...(target === '' ? [] : [[157, target] as [number, string]]),
  ]);

/** A name that takes a record of its own. */
const LONG = encodeHeader(file('n'.repeat(200)));

const ARCHIVES: { name: string; rows: [why: string, tar: Buffer, says: RegExp][] }[] = [
  {
    name: 'an archive has names that lead out of its folder',
    rows: [
      ['absolute', archive(named('/etc/cron.d/owned'), 'x\n'), /absolute/],
      ['above', archive(named('../owned'), 'x\n'), /"\.\."/],
      [
        'above, by a detour',
        archive(folder('a'), named('./a/../../owned'), 'x\n'),
        /"\.\."/,
      ],
    ],
  },
  {
    name: 'an archive has links that lead out of its folder',
    rows: [
      [
        'absolute',
        archive(edited(encodeHeader(link('x', 'y')), [[157, '/etc/shadow']])),
        /absolute/,
      ],
      [
        'above',
        archive(edited(encodeHeader(link('x', 'y')), [[157, '../../../etc']])),
        /outside the folder/,
      ],
      ['hard', archive(typed('1', '/etc/shadow')), /neither a plain file/],
      [
        'and a file behind one',
        archive(folder('a'), link('b', 'a'), encodeHeader(file('b/owned', 2)), 'x\n'),
        /whose parent is no folder/,
      ],
    ],
  },
  {
    name: 'an archive has devices, pipes and programs of root',
    rows: [
      ['a character device', archive(typed('3')), /neither a plain file/],
      ['a block device', archive(typed('4')), /neither a plain file/],
      ['a pipe', archive(typed('6')), /neither a plain file/],
      ['setuid', archive(edited(encodeHeader(file('su')), [[100, '0004755']])), /set-id/],
      ['setgid', archive(edited(encodeHeader(file('su')), [[100, '0002755']])), /set-id/],
    ],
  },
  {
    name: 'an archive has one name twice, or names without end',
    rows: [
      ['twice', archive(named('twice'), 'a\n', named('twice'), 'b\n'), /./],
      [
        'a link where a file was',
        archive(encodeHeader(file('a', 2)), 'a\n', link('a', 'b')),
        /one name twice/,
      ],
      [
        'a record of 8 GiB with a name in it',
        archive(
          edited(LONG.subarray(0, BLOCK), [[124, '77777777777']]),
          LONG.subarray(BLOCK),
        ),
        /./,
      ],
    ],
  },
];

for (const { name, rows } of ARCHIVES) {
  story(name, async (t, world) => {
    for (const [why, tar, says] of rows) {
      t.comment(why);
      publishFolder(world, tar);
      await refuses(t, world, { exit: 23, says, learns: 'manifest' });
    }
    t.notOk(fs.existsSync(world.host.path('/etc')), 'nothing came to lie elsewhere');
  });
}

/** Zeros that take some hundred bytes on the wire. */
const zeros = (megabytes: number): Buffer =>
  brotliCompressSync(Buffer.alloc(megabytes * MIB), {
    params: { [constants.BROTLI_PARAM_QUALITY]: 1 },
  });

/** A release whose content is said to be of this size, and unpacks to what it does. */
function publishBomb(
  world: World,
  packed: Buffer,
  size: number,
  part: Partial<Component>,
): void {
  const source = { ...world.forge.object(packed), encoding: 'br' as const };
  const content = { sha256: sha256(packed), size };
  world.publish('1.1.0', { component: { ...part, content, sources: [source] } });
}

const UI = {
  name: 'host-ui',
  kind: 'directory',
  install_path: '/data/share/quantix-host-ui',
} as const;

story(
  'a bomb is well signed: hundreds of megabytes under a small size',
  async (t, world) => {
    const bomb = zeros(300);
    const header = edited(encodeHeader(file('big')), [[124, '77777777777']]);
    const folderBomb = brotliCompressSync(
      Buffer.concat([header, Buffer.alloc(300 * MIB)]),
      {
        params: { [constants.BROTLI_PARAM_QUALITY]: 1 },
      },
    );
    const peak = path.join(path.dirname(world.host.dir), 'peak');
    // A file that grows beyond a megabyte is an error of the disk (31): any other end shows that none did.
    const as = ['env', `QX_PEAK_MEMORY=${peak}`, 'prlimit', `--fsize=${MIB}`];
    const node = [`--require=${path.join(ROOT, 'test/support/peak-memory.cjs')}`];
    for (const [packed, part] of [
      [bomb, {}],
      [folderBomb, UI],
    ] as const) {
      t.ok(packed.length < MIB, `${packed.length} bytes on the wire`);
      publishBomb(world, packed, 100_000, part);
      const says = /more than 100000 bytes/;
      await refuses(t, world, { exit: 21, says, learns: 'manifest', as, node });
      const peakMib = Number(fs.readFileSync(peak, 'utf8')) / 1024;
      t.ok(peakMib < 160, `${peakMib} MiB of memory at the most`);
    }
    t.same(fs.readdirSync(world.host.path('/data/components/staging')), []);
  },
  needs('prlimit'),
);

story('a content says that it is larger than any disk', async (t, world) => {
  publishBomb(world, zeros(1), 2 ** 50, {});
  world.web.asked();
  await refuses(t, world, { exit: 31, says: /space/, learns: 'manifest' });
  t.notOk(world.web.asked().some((asked) => asked.startsWith('/objects/')));
});

story('after all of it an honest release is installed', async (t, world) => {
  publishBomb(world, zeros(300), 100_000, {});
  await refuses(t, world, {
    exit: 21,
    says: /more than 100000 bytes/,
    learns: 'manifest',
  });
  world.publish('1.2.0');
  await installs(t, world, '1.2.0');
});
