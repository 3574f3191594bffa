import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { constants, createBrotliCompress } from 'node:zlib';
import t from 'tap';
import { BLOCK, TAR_END, encodeHeader } from '../../client/format/tar.ts';
import { refuseRows, type Row } from '../support/bad-input.ts';
import { nextRelease, type Publish } from '../support/bad-tree.ts';
import { type Forge, sha256 } from '../support/forge.ts';
import { archive, edited, file, folder, link } from '../support/tar.ts';

const UI = /component host-ui/;

/** A release whose folder component is this archive, all digests right. */
function folderOf(tar: Buffer): Publish {
  return (forge) => {
    const content = { sha256: sha256(tar), size: tar.length };
    publishFolder(forge, content, forge.object(tar, 'br'));
  };
}

function publishFolder(
  forge: Forge,
  content: { sha256: string; size: number },
  source: ReturnType<Forge['object']>,
): void {
  nextRelease(forge, {
    component: {
      name: 'host-ui',
      kind: 'directory',
      install_path: '/data/share/quantix-host-ui',
      content,
      sources: [source],
    },
  });
}

const plain = (path: string): Buffer => encodeHeader(file(path, 2));
const named = (name: string): Buffer => edited(plain('x'), [[0, name]]);
const typed = (type: string): Buffer => edited(encodeHeader(file('x')), [[156, type]]);
const linkTo = (target: string): Buffer =>
  edited(encodeHeader(link('x', 'y')), [[157, target]]);

interface BadFolder {
  name: string;
  tar: Buffer;
  exit?: number;
  error: RegExp;
  where?: RegExp;
  found?: RegExp;
}

const FOLDERS: BadFolder[] = [
  {
    name: 'a file above the folder',
    tar: archive(named('../evil'), 'x\n'),
    error: /"\.\."/,
    where: /\.\.\/evil/,
  },
  {
    name: '".." in the middle',
    tar: archive(folder('a'), named('./a/../../evil'), 'x\n'),
    error: /"\.\."/,
    where: /a\/\.\.\/\.\.\/evil/,
  },
  {
    name: 'an absolute name',
    tar: archive(named('/etc/cron.d/evil'), 'x\n'),
    error: /absolute/,
    where: /\/etc\/cron\.d\/evil/,
  },
  {
    name: 'a link out of the folder',
    tar: archive(linkTo('../../../etc')),
    error: /outside the folder/,
    where: /x/,
    found: /\.\.\/\.\.\/\.\.\/etc/,
  },
  {
    name: 'an absolute link',
    tar: archive(linkTo('/etc/shadow')),
    error: /absolute/,
    found: /\/etc\/shadow/,
  },
  {
    name: 'a file through a link of the same archive',
    tar: archive(folder('a'), link('b', 'a'), plain('b/evil'), 'x\n'),
    error: /whose parent is no folder/,
    where: /b\/evil/,
    found: /the parent is a link/,
  },
  {
    name: 'a character device',
    tar: archive(typed('3')),
    error: /neither a plain file/,
    found: /a character device/,
  },
  {
    name: 'a block device',
    tar: archive(typed('4')),
    error: /neither a plain file/,
    found: /a block device/,
  },
  {
    name: 'a fifo',
    tar: archive(typed('6')),
    error: /neither a plain file/,
    found: /a fifo/,
  },
  {
    name: 'a hard link',
    tar: archive(edited(typed('1'), [[157, '/etc/shadow']])),
    error: /neither a plain file/,
    found: /a hard link/,
  },
  {
    name: 'a program with a set-uid bit',
    tar: archive(edited(encodeHeader(file('su')), [[100, '0004755']])),
    error: /set-id/,
    where: /su/,
    found: /4755/,
  },
  {
    name: 'two entries of one name',
    tar: archive(plain('twice'), 'a\n', plain('twice'), 'b\n'),
    error: /one name twice/,
    where: /twice/,
  },
  {
    name: 'a folder where a file was',
    tar: archive(plain('a'), 'a\n', folder('a')),
    error: /one name twice/,
    where: /host-ui: a/,
    found: /a file and a directory/,
  },
  {
    name: 'a file where a folder was',
    tar: archive(folder('a'), plain('a'), 'a\n'),
    error: /not sorted|one name twice/,
    where: /host-ui: a/,
  },
  {
    name: 'a link where a file was',
    tar: archive(plain('a'), 'a\n', link('a', 'b')),
    error: /one name twice/,
    where: /host-ui: a/,
  },
  {
    name: 'a file without its folder',
    tar: archive(plain('missing/file'), 'x\n'),
    error: /whose parent is no folder/,
    where: /missing\/file/,
  },
  {
    name: 'a header that says more bytes than there are',
    tar: archive(edited(plain('big'), [[124, '77777777777']]), 'x\n'),
    exit: 21,
    error: /ends before it is complete/,
    where: /big/,
  },
  {
    name: 'a header that says fewer bytes than there are',
    tar: archive(encodeHeader(file('small', 1)), Buffer.from('x'.repeat(BLOCK * 2))),
    error: /something else than zeros|checksum|header/,
  },
  {
    name: 'an archive without its end',
    tar: archive(plain('a'), 'a\n').subarray(0, -TAR_END.length),
    exit: 21,
    error: /ends before it is complete/,
  },
  {
    name: 'something behind the end',
    tar: Buffer.concat([archive(plain('a'), 'a\n'), archive(plain('b'), 'b\n')]),
    error: /something follows the end/,
  },
  {
    name: 'no archive at all',
    tar: Buffer.alloc(2 * BLOCK, 'This is no archive. '),
    error: /checksum|header/,
  },
  {
    name: 'nothing',
    tar: Buffer.alloc(0),
    exit: 21,
    error: /ends before it is complete/,
  },
];

const ROWS = FOLDERS.map(({ name, tar, exit = 23, error, where, found }): Row => ({
  name,
  publish: folderOf(tar),
  exit,
  verified: 'manifest',
  says: { error, where: where ?? UI, ...(found && { found }) },
}));

t.test('archives that no folder may become', (t) => refuseRows(t, ROWS));

t.test('an archive of 10^6 entries', async (t) => {
  t.setTimeout(300_000);
  const { content, stored } = await millionLinks();
  await refuseRows(t, [
    {
      name: 'a bomb of small entries',
      publish: (forge) => {
        publishFolder(forge, content, { ...forge.object(stored), encoding: 'br' });
      },
      exit: 23,
      verified: 'manifest',
      timeoutMs: 180_000,
      says: { error: /more than 100000 entries/, where: UI },
    },
  ]);
});

/** 512 MB of headers in a few megabytes. */
async function millionLinks() {
  const hash = createHash('sha256');
  const compressor = createBrotliCompress({
    params: { [constants.BROTLI_PARAM_QUALITY]: 1 },
  });
  const pieces: Buffer[] = [];
  compressor.on('data', (piece: Buffer) => pieces.push(piece));
  let size = 0;
  const write = async (bytes: Buffer): Promise<void> => {
    hash.update(bytes);
    size += bytes.length;
    if (!compressor.write(bytes)) await once(compressor, 'drain');
  };
  for (let block = 0; block < 1000; block += 1) await write(thousandLinks(block));
  await write(TAR_END);
  compressor.end();
  await once(compressor, 'end');
  const content = { sha256: hash.digest('hex'), size };
  return { content, stored: Buffer.concat(pieces) };
}

function thousandLinks(block: number): Buffer {
  const headers = Array.from({ length: 1000 }, (_, index) =>
    encodeHeader(link(String(block * 1000 + index).padStart(6, '0'), 'a')),
  );
  return Buffer.concat(headers);
}
