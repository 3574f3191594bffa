import fs from 'node:fs';
import { type Finished, run } from './process.ts';

/** System calls that change files, by what they do. */
const CALLS: Record<string, string[]> = {
  open: ['open', 'openat', 'creat'],
  write: [
    'write',
    'writev',
    'pwrite64',
    'pwritev',
    'pwritev2',
    'copy_file_range',
    'sendfile',
  ],
  sync: ['fsync', 'fdatasync'],
  rename: ['rename', 'renameat', 'renameat2'],
  symlink: ['symlink', 'symlinkat'],
  unlink: ['unlink', 'unlinkat'],
  rmdir: ['rmdir'],
  mkdir: ['mkdir', 'mkdirat'],
  chmod: ['chmod', 'fchmod', 'fchmodat'],
  never: [
    ...['link', 'linkat', 'mknod', 'mknodat', 'truncate', 'ftruncate', 'fallocate'],
    ...['chown', 'fchown', 'lchown', 'fchownat', 'setxattr', 'lsetxattr', 'fsetxattr'],
    ...['utimensat', 'io_uring_setup'],
  ],
};

const KINDS = new Map(
  Object.entries(CALLS).flatMap(([kind, names]) => names.map((name) => [name, kind])),
);

/** Runs a program under strace and gives what its processes did to files: "rename /a /b", "write /c", each in order. */
export async function traced(
  words: string[],
  output: string,
): Promise<{ finished: Finished; calls: string[] }> {
  const calls = [...KINDS.keys()].join();
  const strace = [
    '-f',
    '-qq',
    '-y',
    '-s',
    '0',
    '-e',
    `trace=${calls}`,
    '-e',
    'signal=none',
  ];
  // What the test runner puts into the environment would open files of its own.
  const clean = ['env', '-u', 'NODE_OPTIONS', ...words];
  const finished = await run('strace', [...strace, '-o', output, ...clean]);
  const lines = fs.readFileSync(output, 'utf8').split('\n');
  return { finished, calls: lines.flatMap(changeOf) };
}

/**
 *   4711 rename("/a", "/b") = 0                     → "rename /a /b"
 *   4711 write(24</data/x>, ""..., 12 <unfinished …  → "write /data/x"
 *
 * Nothing for pipes, sockets and files that are opened to be read.
 */
function changeOf(line: string): string[] {
  const [, name = '', rest = ''] = /^\d+ +(\w+)\((.*)$/.exec(line) ?? [];
  const kind = KINDS.get(name);
  if (kind === undefined) return [];
  if (
    kind === 'open' &&
    !/O_CREAT|O_WRONLY|O_RDWR|O_TRUNC/.test(rest) &&
    name !== 'creat'
  )
    return [];
  const onDescriptor = /^\d+<([^>]*)>/.exec(rest)?.[1];
  const named = [...rest.matchAll(/"([^"]*)"/g)].map(([, path = '']) => path);
  const takesDescriptor = /^(?:f|p?write|copy_file|sendfile)/.test(name);
  const paths = takesDescriptor ? [onDescriptor ?? '?'] : named;
  const isFile = paths.every(
    (path) => !/^(?:pipe|socket|anon_inode):|^\/dev\/(?:null|tty|pts)\b/.test(path),
  );
  return isFile ? [[kind, ...paths].join(' ')] : [];
}
