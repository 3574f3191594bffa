import { execFileSync } from 'node:child_process';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import type { Test } from 'tap';

/** A PostgreSQL server of a test alone: its own cluster, reached by a socket in a folder, never by a port. */
export interface Postgres {
  /** Folder of its socket, for PGHOST. */
  socket: string;
  /** What a statement gives, unaligned. */
  sql: (database: string, statement: string) => string;
  /** Everything of a schema that is not data. */
  schema: (database: string) => string;
  start: () => void;
  stop: () => void;
}

const VERSIONS = '/usr/lib/postgresql';

/** Debian's server, run by its user postgres; gone with the test. */
export function startPostgres(t: Test): Postgres {
  const version = fs.readdirSync(VERSIONS).sort((a, b) => Number(b) - Number(a))[0];
  const bin = path.join(VERSIONS, version ?? '', 'bin');
  // The path of a socket may have 107 bytes, so it is not below the test's own folder.
  const dir = fs.mkdtempSync(path.join(os.tmpdir(), 'quantix-pg-'));
  execFileSync('chown', ['postgres:postgres', dir]);
  const data = path.join(dir, 'data');
  const as = (program: string, args: string[]): string =>
    execFileSync(
      'setpriv',
      [
        '--reuid=postgres',
        '--regid=postgres',
        '--clear-groups',
        path.join(bin, program),
        ...args,
      ],
      {
        encoding: 'utf8',
        cwd: dir,
        env: { PATH: '/usr/bin:/bin', LC_ALL: 'C.UTF-8', PGHOST: dir },
        stdio: ['ignore', 'pipe', 'pipe'],
        maxBuffer: 1 << 26,
      },
    ).trimEnd();
  as('initdb', ['-D', data, '-A', 'peer', '-E', 'UTF8', '--no-sync']);
  const settings = `-h '' -k ${dir} -c fsync=off -c full_page_writes=off`;
  const start = (): void =>
    void as('pg_ctl', [
      '-D',
      data,
      '-w',
      '-l',
      path.join(dir, 'log'),
      '-o',
      settings,
      'start',
    ]);
  const stop = (): void =>
    void as('pg_ctl', ['-D', data, '-w', '-m', 'immediate', 'stop']);
  start();
  t.teardown(() => {
    if (fs.existsSync(path.join(data, 'postmaster.pid'))) stop();
    fs.rmSync(dir, { recursive: true, force: true });
  });
  return {
    socket: dir,
    sql: (database, statement) =>
      as('psql', [
        '-X',
        '-q',
        '-A',
        '-t',
        '-v',
        'ON_ERROR_STOP=1',
        '-d',
        database,
        '-c',
        statement,
      ]),
    // Newer versions begin and end with a word of chance, which no restored text can know.
    schema: (database) =>
      as('pg_dump', ['--schema-only', '--create', database]).replaceAll(
        /^\\(?:un)?restrict .*$/gm,
        '',
      ),
    start,
    stop,
  };
}
