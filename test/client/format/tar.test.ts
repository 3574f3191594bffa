import { execFileSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import t from 'tap';
import { Parser } from 'tar';
import {
  decodeHeader,
  headerRest,
  isZeroBlock,
} from '../../../client/format/tar-header.ts';
import {
  BLOCK,
  TAR_END,
  type TarEntry,
  checkEntryPath,
  checkLinkTarget,
  compareEntries,
  encodeHeader,
  padding,
} from '../../../client/format/tar.ts';
import { SAMPLES, file, folder, link } from '../../support/tar.ts';

t.test('an entry has one header, and the header gives the entry back', async (t) => {
  for (const [why, entry, blocks] of SAMPLES) {
    const header = encodeHeader(entry);
    t.equal(header.length, blocks * BLOCK, `${why}: blocks`);
    t.equal(headerRest(header.subarray(0, BLOCK)), header.length - BLOCK, `${why}: rest`);
    const decoded = decodeHeader(header);
    t.same(decoded, entry, why);
    t.ok(encodeHeader(decoded).equals(header), `${why}: same bytes`);
  }
});

t.test('modes are 0644, 0755 and 0777 whatever the disk says', async (t) => {
  const modeOf = (entry: TarEntry) => decodeHeader(encodeHeader(entry)).mode;
  t.equal(modeOf(file('a', 0, 0o600)), 0o644);
  t.equal(modeOf(file('a', 0, 0o666)), 0o644);
  t.equal(modeOf(file('a', 0, 0o610)), 0o755);
  t.equal(modeOf({ ...folder('a'), mode: 0o700 }), 0o755);
  t.equal(modeOf({ ...link('a', 'b'), mode: 0 }), 0o777);
});

t.test('the tar package reads every header as we mean it', async (t) => {
  const seen: string[] = [];
  const parser = new Parser({
    strict: true,
    onReadEntry: (entry) => {
      seen.push(
        `${entry.type} ${entry.path} ${entry.mode?.toString(8)} ${entry.linkpath ?? ''}`,
      );
      entry.resume();
    },
  });
  const entries = SAMPLES.map(([, entry]) => ({ ...entry, size: 0 }));
  for (const entry of entries) parser.write(encodeHeader(entry));
  parser.end(TAR_END);
  const names = { file: 'File', directory: 'Directory', link: 'SymbolicLink' };
  t.same(
    seen.map((line) => line.trim()),
    entries.map((entry) =>
      [
        names[entry.type],
        `./${entry.path}${entry.type === 'directory' ? '/' : ''}`,
        entry.mode.toString(8),
        entry.linkTarget ?? '',
      ]
        .join(' ')
        .trim(),
    ),
  );
});

t.test('GNU tar lists every member as we mean it', async (t) => {
  const entries = SAMPLES.map(([, entry]) => ({ ...entry, size: 0 }));
  const archive = `${t.testdir()}/x.tar`;
  writeFileSync(archive, Buffer.concat([...entries.map(encodeHeader), TAR_END]));
  const listed = execFileSync('tar', ['--quoting-style=literal', '-tf', archive], {
    encoding: 'utf8',
    env: { ...process.env, LC_ALL: 'C.UTF-8' },
  });
  t.same(
    listed.trimEnd().split('\n'),
    entries.map((entry) => `./${entry.path}${entry.type === 'directory' ? '/' : ''}`),
  );
});

t.test(
  'entries are sorted by bytes, and a folder stands before what is in it',
  async (t) => {
    const sorted = [
      file('a'),
      file('a b'),
      file('a-b'),
      folder('a.d'),
      file('a.d/z'),
      file('é'),
    ];
    const shuffled = [...sorted].reverse();
    t.same(shuffled.sort(compareEntries), sorted);
    t.ok(
      compareEntries(file('\u{1f600}'), file('\uffee')) > 0,
      'bytes, not UTF-16 units',
    );
    t.ok(compareEntries(folder('a'), file('a-b')) > 0, 'the slash of a folder counts');
    t.equal(compareEntries(file('a'), file('a')), 0);
  },
);

t.test('a body is filled up to whole blocks', async (t) => {
  t.same([0, 1, 511, 512, 513].map(padding), [0, 511, 1, 0, 511]);
  t.equal(TAR_END.length, 1024);
  t.ok(isZeroBlock(TAR_END.subarray(0, BLOCK)));
});

const BAD_PATHS: [why: string, path: string, message: RegExp][] = [
  ['nothing', '', /empty/],
  ['absolute', '/etc/passwd', /absolute/],
  ['the folder above', '..', /"\.\."/],
  ['through the folder above', 'a/../../b', /"\.\."/],
  ['a dot', '.', /shortest/],
  ['a dot inside', 'a/./b', /shortest/],
  ['two slashes', 'a//b', /shortest/],
  ['a slash at the end', 'a/', /shortest/],
  ['NUL', 'a\0b', /control/],
  ['a line feed', 'a\nb', /control/],
  ['an escape sequence', 'a\u001b[2J', /control/],
  ['a C1 control', 'a\u009bb', /control/],
  ['half a surrogate pair', 'a\ud800', /UTF-8/],
  ['bytes that were not UTF-8', 'a\ufffd', /UTF-8/],
  ['a part of 256 bytes', 'x'.repeat(256), /longer than 255/],
  ['1025 bytes', `${'x'.repeat(200)}/`.repeat(5) + 'x'.repeat(20), /longer than 1024/],
  ['65 folders', Array(65).fill('d').join('/'), /deeper/],
];

t.test('names that a folder may not hold are refused with the path', async (t) => {
  for (const [why, path, message] of BAD_PATHS) {
    t.throws(() => checkEntryPath(path), { code: 'malformed', message }, why);
    t.throws(() => encodeHeader(file(path)), { code: 'malformed', message }, why);
  }
  t.throws(() => checkEntryPath('a/../b'), { code: 'malformed', where: 'a/../b' });
});

const LINKS: [path: string, target: string, refused: RegExp | null][] = [
  ['a', 'b', null],
  ['a', './b', null],
  ['a', 'b/', null],
  ['a', '.', null],
  ['d/a', '..', null],
  ['d/a', '../b', null],
  ['d/e/a', '../../b/c', null],
  ['a', '', /nowhere/],
  ['a', '/etc/passwd', /absolute/],
  ['a', '..', /outside/],
  ['a', '../b', /outside/],
  ['d/a', '../../b', /outside/],
  ['d/a', './../../b', /outside/],
  // Behind a name "..", however harmless it looks, may climb out of where another link leads.
  ['d/a', 'up/..', /behind a name/],
  ['d/a', '../b/../c', /behind a name/],
  ['a', 'b\nc', /control/],
  ['a', 'b/'.repeat(600), /longer/],
];

t.test('links stay inside the folder', async (t) => {
  for (const [path, target, refused] of LINKS) {
    const what = `${path} → ${target.slice(0, 20)}`;
    if (refused === null) t.doesNotThrow(() => checkLinkTarget(path, target), what);
    else
      t.throws(
        () => checkLinkTarget(path, target),
        { code: 'malformed', message: refused },
        what,
      );
  }
});

t.test('a file of 8 GiB is refused, not cut short', async (t) => {
  t.throws(() => encodeHeader(file('big', 0o77777777777 + 1)), {
    message: /8 GiB/,
    where: 'big',
  });
});
