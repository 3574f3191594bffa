import fs from 'node:fs';
import path from 'node:path';
import t from 'tap';
import { syncTree, unpackFolder } from '../../../client/content/unpack.ts';
import type { Files } from '../../../client/effects/effects.ts';
import { nodeFiles } from '../../../client/effects/files.ts';
import { LIMITS } from '../../../client/format/limits.ts';
import {
  BLOCK,
  TAR_END,
  type TarEntry,
  encodeHeader,
} from '../../../client/format/tar.ts';
import { snapshot } from '../../support/snapshot.ts';
import { archive, edited, file, folder, link } from '../../support/tar.ts';

const files = nodeFiles();

async function* inPieces(bytes: Buffer, size = 1000): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < bytes.length; at += size) yield bytes.subarray(at, at + size);
}

t.test('a canonical tar becomes its folder, whatever the umask', async (t) => {
  const bytes = archive(
    folder('bin'),
    file('bin/tool', 11, 0o755),
    '#!/bin/true',
    folder('empty'),
    folder('lib'),
    link('lib/current', '../bin/tool'),
    file(`lib/${'n'.repeat(120)}`, 0),
    file('read me', 3),
    'hi\n',
  );
  const umask = process.umask(0o077);
  t.teardown(() => process.umask(umask));
  for (const size of [1, 511, 512, 100_000]) {
    const destination = path.join(t.testdir(), `out-${size}`);
    await unpackFolder(files, inPieces(bytes, size), destination);
    const found = snapshot(destination);
    t.same(Object.keys(found), [
      'bin',
      'bin/tool',
      'empty',
      'lib',
      'lib/current',
      `lib/${'n'.repeat(120)}`,
      'read me',
    ]);
    t.match(found['bin/tool'], /^file 0755/);
    t.match(found['read me'], /^file 0644/);
    t.equal(found['empty'], 'directory 0755');
    t.equal(found['lib/current'], 'link → ../bin/tool');
    t.equal(fs.statSync(destination).mode & 0o777, 0o755);
    t.equal(
      fs.readFileSync(path.join(destination, 'lib/current'), 'utf8'),
      '#!/bin/true',
    );
  }
});

t.test('an empty folder is two zero blocks', async (t) => {
  const destination = path.join(t.testdir(), 'out');
  await unpackFolder(files, inPieces(TAR_END), destination);
  t.same(snapshot(destination), {});
  t.ok(fs.statSync(destination).isDirectory());
});

t.test('bytes are written in big pieces, however they come', async (t) => {
  const size = 5 * 1024 * 1024 + 17;
  const body = Buffer.alloc(size, 'quantix');
  const written: number[] = [];
  const watching: Files = {
    ...files,
    open: async (name, how, mode) => {
      const opened = await files.open(name, how, mode);
      const write = (bytes: Uint8Array) => {
        written.push(bytes.length);
        return opened.write(bytes);
      };
      return { ...opened, write };
    },
  };
  const destination = path.join(t.testdir(), 'out');
  const bytes = archive(file('big', size), body.toString());
  await unpackFolder(watching, inPieces(bytes, 10_007), destination);
  t.ok(fs.readFileSync(path.join(destination, 'big')).equals(body));
  t.equal(written.length, 6, `${written.join(' ')}`);
});

/** As encodeHeader, for paths and targets that it refuses to write. */
function forged(entry: TarEntry, name: string, target?: string): Buffer {
  const edits: [number, string][] = [[0, name.padEnd(100, '\0')]];
  if (target !== undefined) edits.push([157, target.padEnd(100, '\0')]);
  return edited(encodeHeader(entry), edits);
}

const outside = link('l', 'x');
const HOSTILE: [why: string, bytes: Buffer, code: string, message: RegExp][] = [
  ['".."', archive(forged(file('x', 4), './../evil'), 'evil'), 'malformed', /"\.\."/],
  [
    'an absolute name',
    archive(forged(file('x', 4), '/tmp/evil'), 'evil'),
    'malformed',
    /absolute/,
  ],
  ['a link out', archive(forged(outside, './l', '../../etc')), 'malformed', /outside/],
  ['an absolute link', archive(forged(outside, './l', '/etc')), 'malformed', /absolute/],
  [
    'a file through a link',
    archive(link('d', '.'), file('d/evil', 4), 'evil'),
    'malformed',
    /parent/,
  ],
  [
    'a link that climbs out through another link',
    archive(folder('a'), link('a/up', '..'), forged(outside, './b', 'a/up/../../etc')),
    'malformed',
    /behind a name/,
  ],
  ['a file below a file', archive(file('a', 0), file('a/b', 0)), 'malformed', /parent/],
  [
    'a file where a folder was',
    archive(folder('a'), file('a', 0)),
    'malformed',
    /sorted|twice/,
  ],
  ['a folder where a file was', archive(file('a', 0), folder('a')), 'malformed', /twice/],
  ['a link and a folder', archive(link('a', 'b'), folder('a')), 'malformed', /twice/],
  ['one name twice', archive(file('a', 0), file('a', 0)), 'malformed', /twice/],
  ['another order', archive(file('b', 0), file('a', 0)), 'malformed', /sorted/],
  ['a folder without an entry', archive(file('a/b', 0)), 'malformed', /parent/],
  [
    'a device',
    archive(edited(encodeHeader(file('x')), [[156, '3']])),
    'malformed',
    /plain file/,
  ],
  [
    'a fifo',
    archive(edited(encodeHeader(file('x')), [[156, '6']])),
    'malformed',
    /plain file/,
  ],
  [
    'a hard link',
    archive(edited(encodeHeader(file('x')), [[156, '1']])),
    'malformed',
    /plain/,
  ],
  [
    'setuid',
    archive(edited(encodeHeader(file('x')), [[100, '0004755']])),
    'malformed',
    /set-id/,
  ],
  [
    'a size that is too small',
    archive(file('x', 3), 'x'.repeat(600)),
    'malformed',
    /tar:/,
  ],
  ['a size that is too large', archive(file('x', 100_000), 'x'), 'digest', /ends before/],
  ['8 GiB promised', archive(file('x', 0o77777777777), 'x'), 'digest', /ends before/],
  ['bytes in the padding', archive(file('x', 1), 'xy'), 'malformed', /zeros/],
  [
    'a byte behind the end',
    Buffer.concat([archive(), Buffer.from('x')]),
    'malformed',
    /follows/,
  ],
  ['zeros behind the end', Buffer.concat([archive(), TAR_END]), 'malformed', /follows/],
  ['one zero block', TAR_END.subarray(0, BLOCK), 'digest', /ends before/],
  [
    'an entry behind a zero block',
    Buffer.concat([TAR_END.subarray(0, BLOCK), archive(file('x', 0))]),
    'malformed',
    /follows/,
  ],
  ['no end', encodeHeader(file('x', 0)), 'digest', /ends before/],
  ['half a header', encodeHeader(file('x', 0)).subarray(0, 100), 'digest', /ends before/],
  [
    'half a PAX header',
    encodeHeader(file('x'.repeat(200))).subarray(0, 600),
    'digest',
    /ends/,
  ],
  ['nothing', Buffer.alloc(0), 'digest', /ends before/],
  ['not a tar', Buffer.from('<!doctype html>'.repeat(100)), 'malformed', /checksum/],
];

t.test(
  'what is hostile is refused, and nothing appears outside the folder',
  async (t) => {
    for (const [why, bytes, code, message] of HOSTILE) {
      const base = t.testdir({ keep: 'me', etc: {} });
      const before = snapshot(base);
      const work = unpackFolder(files, inPieces(bytes), path.join(base, 'out'));
      await t.rejects(work, { name: 'QxError', code, message }, why);
      fs.rmSync(path.join(base, 'out'), { recursive: true });
      t.same(snapshot(base), before, `${why}: nothing else changed`);
    }
  },
);

t.test('a folder that exists is never unpacked into', async (t) => {
  const base = t.testdir({ out: { old: 'file' } });
  await t.rejects(unpackFolder(files, inPieces(archive()), path.join(base, 'out')), {
    code: 'defect',
  });
  t.same(fs.readdirSync(path.join(base, 'out')), ['old']);
});

t.test('it stops at the first fault and ends the body', async (t) => {
  let given = 0;
  let ended = false;
  const body = async function* (): AsyncGenerator<Uint8Array> {
    try {
      yield forged(file('x'), '/evil');
      for (; given < 1000; given += 1) yield Buffer.alloc(BLOCK);
    } finally {
      ended = true;
    }
  };
  await t.rejects(unpackFolder(files, body(), path.join(t.testdir(), 'out')), {
    code: 'malformed',
  });
  t.equal(given, 0);
  t.ok(ended);
});

t.test('a million entries stop at the limit', async (t) => {
  let made = 0;
  const counting: Files = {
    ...files,
    makeLink: async () => {
      made += 1;
    },
  };
  const body = async function* (): AsyncGenerator<Uint8Array> {
    for (let n = 0; n < 1_000_000; n += 1) {
      yield encodeHeader(link(String(n).padStart(7, '0'), 'x'));
    }
  };
  await t.rejects(unpackFolder(counting, body(), path.join(t.testdir(), 'out')), {
    code: 'malformed',
    message: /more than 100000 entries/,
  });
  t.equal(made, LIMITS.folderEntries);
});

t.test('an error of the source or of the disk comes out as it is', async (t) => {
  const lost = Object.assign(new Error('no space left'), { code: 'ENOSPC' });
  const full: Files = {
    ...files,
    open: async (name, how, mode) => ({
      ...(await files.open(name, how, mode)),
      write: () => Promise.reject(lost),
    }),
  };
  const bytes = archive(file('x', 4), 'text');
  await t.rejects(unpackFolder(full, inPieces(bytes), path.join(t.testdir(), 'a')), {
    code: 'ENOSPC',
  });
  const broken = async function* (): AsyncGenerator<Uint8Array> {
    yield bytes.subarray(0, 600);
    throw new Error('connection lost');
  };
  await t.rejects(unpackFolder(files, broken(), path.join(t.testdir(), 'b')), {
    message: 'connection lost',
  });
});

t.test(
  'a tree is synced with every file and folder, the content before its folder',
  async (t) => {
    const base = t.testdir({ a: { b: 'file', l: t.fixture('symlink', 'b') }, c: 'file' });
    const synced: string[] = [];
    const watching: Files = {
      ...files,
      open: async (name, how, mode) => {
        const opened = await files.open(name, how, mode);
        return {
          ...opened,
          sync: async () => void synced.push(path.relative(base, name)),
        };
      },
      syncDirectory: async (name) => void synced.push(`${path.relative(base, name)}/`),
    };
    await syncTree(watching, base);
    t.same(synced, ['a/b', 'a/', 'c', '/']);
    await syncTree(files, base);
  },
);
