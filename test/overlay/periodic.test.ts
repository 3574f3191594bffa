import fs from 'node:fs';
import path from 'node:path';
import t from 'tap';
import { needs } from '../support/needs.ts';
import { type Finished, programPath, run } from '../support/process.ts';
import { ROOT } from '../support/setup.mjs';

const SCRIPT = path.join(ROOT, 'overlay/etc/periodic/15min/qx-update');
const SILENT = { status: 0, stdout: '', stderr: '' };
const DAY_AND_A_BIT_MS = 25 * 3_600_000;

/** A client that prints and ends as told. */
function putClient(root: string, place: string, status: number, text = ''): void {
  const file = path.join(root, place);
  fs.mkdirSync(path.dirname(file), { recursive: true });
  fs.writeFileSync(`${file}.says`, text === '' ? '' : `${text}\n`);
  const script = `#!/bin/sh\necho "$*" >> ${root}/called\ncat "$0.says" >&2\nexit ${status}\n`;
  fs.writeFileSync(file, script, { mode: 0o755 });
}

/** The wrapper as the image brings it, unless there is no client behind it. */
function cron(root: string): Promise<Finished> {
  const library = path.join(root, 'usr/lib/quantix-update');
  for (const name of fs.existsSync(library) ? ['qx-update', 'functions.sh'] : []) {
    const from = path.join(ROOT, 'overlay/usr/lib/quantix-update', name);
    fs.copyFileSync(from, path.join(library, name));
    fs.chmodSync(path.join(library, name), 0o755);
  }
  return run('busybox', ['ash', SCRIPT], { env: { ROOT: root } });
}

/** As if what is remembered had been remembered a day earlier. */
function passDay(root: string): void {
  const memory = path.join(root, 'run/qx-update');
  const then = new Date(Date.now() - DAY_AND_A_BIT_MS);
  for (const name of fs.readdirSync(memory))
    fs.utimesSync(path.join(memory, name), then, then);
}

const IMAGE = 'usr/lib/quantix-update/qx-update.cjs';
const UPDATED = 'data/bin/qx-update';

t.test(
  'silent when there is nothing that a person could do',
  needs('busybox'),
  async (t) => {
    const quiet: [number, string][] = [
      [0, 'nothing to do'],
      [32, 'another run holds the lock'],
      [75, 'outside the window'],
      [10, 'the network is away'],
    ];
    for (const [status, why] of quiet) {
      const root = t.testdir();
      putClient(root, IMAGE, status, status === 0 ? '' : `qx-update: error: ${why}`);
      for (const time of ['first', 'second'])
        t.match(await cron(root), SILENT, `${why}, the ${time} time`);
    }
  },
);

t.test('it calls the run that cron is meant to call', needs('busybox'), async (t) => {
  const root = t.testdir();
  putClient(root, IMAGE, 0);
  await cron(root);
  t.equal(
    fs.readFileSync(path.join(root, 'called'), 'utf8'),
    `--root ${root} run --quiet --no-progress\n`,
  );
});

t.test('news is passed on', needs('busybox'), async (t) => {
  const root = t.testdir();
  putClient(root, IMAGE, 0, 'quantix-os 1.4.2 is installed');
  t.match(await cron(root), { status: 0, stdout: 'quantix-os 1.4.2 is installed\n' });
  t.match(await cron(root), SILENT, 'once');
  putClient(root, IMAGE, 0, 'quantix-os 1.4.3 is installed');
  t.match(await cron(root), { status: 0, stdout: 'quantix-os 1.4.3 is installed\n' });
});

t.test(
  'a refusal is said once a day, and at once when it is another one',
  needs('busybox'),
  async (t) => {
    const root = t.testdir();
    putClient(
      root,
      IMAGE,
      20,
      'qx-update: error: no good signature\n  where     http://x/',
    );
    const first = await cron(root);
    t.equal(first.status, 20);
    t.match(first.stdout, /no good signature\n {2}where/);
    t.match(await cron(root), SILENT, 'a quarter of an hour later');
    putClient(root, IMAGE, 20, 'qx-update: error: below the threshold');
    t.equal((await cron(root)).status, 20, 'another refusal');
    t.match(await cron(root), SILENT);
    passDay(root);
    t.equal((await cron(root)).status, 20, 'a day later');
    putClient(root, IMAGE, 0);
    t.match(await cron(root), SILENT, 'mended');
    putClient(root, IMAGE, 20, 'qx-update: error: below the threshold');
    t.equal((await cron(root)).status, 20, 'broken again');
  },
);

t.test(
  'a network that stays away is said after a day, once a day',
  needs('busybox'),
  async (t) => {
    const root = t.testdir();
    putClient(root, IMAGE, 10, 'qx-update: error: no route');
    t.match(await cron(root), SILENT);
    passDay(root);
    t.match(await cron(root), { status: 10, stdout: /no route/ });
    t.match(await cron(root), SILENT);
    putClient(root, IMAGE, 0);
    await cron(root);
    putClient(root, IMAGE, 10, 'qx-update: error: no route');
    t.match(await cron(root), SILENT, 'it came back in between, so the day begins anew');
  },
);

t.test(
  'an updated client that does not start hands over to that of the image',
  needs('busybox'),
  async (t) => {
    for (const status of [1, 126, 127, 139]) {
      const root = t.testdir();
      putClient(root, UPDATED, status, 'SyntaxError');
      putClient(root, IMAGE, 0);
      const first = await cron(root);
      t.match(first, {
        status: 1,
        stdout: new RegExp(`data/bin/qx-update failed with status ${status}`),
      });
      t.equal(
        fs.readFileSync(path.join(root, 'called'), 'utf8').split('\n').length,
        3,
        'both were called',
      );
      t.match(await cron(root), SILENT, 'said once');
    }
  },
);

t.test(
  'what the client of the image has to say is passed on as well',
  needs('busybox'),
  async (t) => {
    const root = t.testdir();
    putClient(root, UPDATED, 1, 'SyntaxError');
    putClient(root, IMAGE, 0, 'quantix-os 1.4.2 is installed');
    const { stdout } = await cron(root);
    const [news, warning, ...earlier] = stdout.split('\n');
    t.equal(news, 'quantix-os 1.4.2 is installed');
    t.match(warning, /data\/bin\/qx-update failed with status 1; .* takes over$/);
    t.same(earlier, ['SyntaxError', '', '']);
  },
);

t.test('an updated client that refuses is believed', needs('busybox'), async (t) => {
  const root = t.testdir();
  putClient(root, UPDATED, 21, 'qx-update: error: digest');
  putClient(root, IMAGE, 0);
  t.equal((await cron(root)).status, 21);
  t.equal(
    fs.readFileSync(path.join(root, 'called'), 'utf8').split('\n').length,
    2,
    'one call',
  );
});

t.test('a host without a client says so', needs('busybox'), async (t) => {
  t.match(await cron(t.testdir()), { status: 127, stdout: /no qx-update/ });
});

t.test(
  'the built client behind it: a host that nobody configured',
  needs('busybox'),
  async (t) => {
    const root = t.testdir();
    fs.mkdirSync(path.join(root, path.dirname(IMAGE)), { recursive: true });
    const node = path.dirname(process.execPath);
    const body = `#!/bin/sh\nPATH=${node}:$PATH exec ${programPath('qx-update')} "$@"\n`;
    fs.writeFileSync(path.join(root, IMAGE), body, { mode: 0o755 });
    const first = await cron(root);
    t.match(first, { status: 78, stdout: /qx-update: error: .*missing/ });
    t.match(await cron(root), SILENT);
  },
);
