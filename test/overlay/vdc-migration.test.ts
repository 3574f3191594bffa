import { execFileSync } from 'node:child_process';
import fs from 'node:fs';
import t, { type Test } from 'tap';
import {
  controlPlane,
  databases,
  DB,
  digest,
  FAILS,
  LIBRARY,
  MIGRATES,
  ROWS,
  STATE,
} from '../support/control-plane.ts';
import { needs, needsMounts, needsRoot } from '../support/needs.ts';
import { startPostgres } from '../support/postgres.ts';
import { run } from '../support/process.ts';
import { until } from '../support/scene.ts';

/**
 * Updates of a control plane with a real PostgreSQL: a release brings a program that migrates the database, and
 * whatever goes wrong then, every row is as it was.
 */

t.setTimeout(900_000);

const NEEDS =
  [needs('busybox', 'pg_createcluster', 'setpriv'), needsRoot(), needsMounts()].find(
    ({ skip }) => skip !== undefined,
  ) ?? {};

t.test('a control plane and its database', NEEDS, async (t) => {
  const pg = startPostgres(t);
  const { host, publish, asks, phase, settings, stub } = await controlPlane(t, pg);
  const [before, schema] = [digest(pg), pg.schema(DB)];
  const asBefore = async (t: Test, version = '1.0.0'): Promise<void> => {
    t.equal(databases(pg), DB, 'no other database is left');
    t.equal(digest(pg), before, 'every row is as it was');
    t.equal(pg.schema(DB), schema, 'and so is all that is not rows');
    await until(async () => (await asks()) === version);
  };
  const snapshots = (): string[] => fs.readdirSync(host.path(`${STATE}/snapshots`));

  await t.test('a migration that fails in the middle', async (t) => {
    publish(FAILS, { version: '1.1.0' });
    const { status, stderr } = await host.run(['run']);
    t.equal(status, 40, stderr);
    t.match(stderr, /the migration ended with status 1/);
    t.match(stderr, /nothing was changed/);
    await asBefore(t);
    t.match(phase(), {
      phase: 'rolled_back',
      message: /hook pre-install\/50-vdc-migration ended with 1/,
    });
  });

  await t.test('a migration that leaves an unhealthy control plane', async (t) => {
    publish(MIGRATES, { version: '1.2.0', healthStatus: 500 });
    const { status, stderr } = await host.run(['run']);
    t.equal(status, 40, stderr);
    t.match(stderr, /health check failed/);
    t.match(stderr, /quantix-os 1\.0\.0 is back/);
    await asBefore(t);
    t.match(phase(), { phase: 'rolled_back', message: /health check failed/ });
  });

  await t.test(
    'a control plane that is unwell by the word of its own program',
    async (t) => {
      settings('health_command="test -e /nowhere"\nhealth_timeout=0\n');
      publish(MIGRATES, { version: '1.2.1' });
      const { status, stderr } = await host.run(['run']);
      settings('');
      t.equal(status, 40, stderr);
      t.match(stderr, /not well within 0 seconds: test -e \/nowhere/);
      await asBefore(t);
      t.match(phase(), { phase: 'rolled_back' });
    },
  );

  await t.test('a snapshot that does not read back', async (t) => {
    stub('pg_dump', '#!/bin/sh\n/usr/bin/pg_dump "$@" | head -c 2000\n');
    publish(MIGRATES, { version: '1.2.2' });
    const { status, stderr } = await host.run(['run']);
    fs.rmSync(host.path('/bin/pg_dump'));
    t.equal(status, 40, stderr);
    t.match(stderr, /the snapshot does not read back/);
    await asBefore(t);
    t.match(phase(), { phase: 'failed' });
  });

  await t.test('a run that is killed within the migration', async (t) => {
    publish(`${MIGRATES}; touch ${pg.socket}/there; sleep 1000`, { version: '1.3.0' });
    const killed = host.start(['apply']);
    while (!fs.existsSync(`${pg.socket}/there`) && killed.child.exitCode === null)
      await new Promise((resolve) => setTimeout(resolve, 50));
    t.equal(
      databases(pg),
      `${DB}_updating`,
      'nobody can write what the way back takes away',
    );
    await t.rejects(asks(), 'nor does anybody try');
    killed.child.kill('SIGKILL');
    await killed.ended;
    pg.stop();
    const early = await host.run(['recover']);
    t.equal(early.status, 75, early.stderr);
    t.match(early.stderr, /PostgreSQL does not answer/);
    pg.start();
    const recovered = await host.run(['recover']);
    t.equal(recovered.status, 0, recovered.stderr);
    await asBefore(t);
  });

  await t.test('PostgreSQL that is down is waited for', async (t) => {
    publish(MIGRATES, { version: '1.4.0' });
    pg.stop();
    const { status, stderr } = await host.run(['run']);
    t.equal(status, 75, stderr);
    t.match(stderr, /hook pre-check\/50-vdc-migration says: not now/);
    t.match(stderr, /PostgreSQL does not answer at \/\S+, port 5432/);
    pg.start();
    await asBefore(t);
  });

  await t.test('a disk without room for the snapshot', async (t) => {
    const folder = host.path(`${STATE}/snapshots`);
    execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=1m', 'quantix-test', folder]);
    t.teardown(() => fs.rmSync(`${pg.socket}/none`, { force: true }));
    const { status, stderr } = await host.run(['run']);
    const { phase: ended, message } = phase();
    // Nothing of what is there now makes room sooner than it is needed: the dump itself runs full.
    const script = host.path(`${LIBRARY}/vdc-migration`);
    const text = fs.readFileSync(script, 'utf8');
    fs.writeFileSync(script, text.replaceAll(/^\tenough_room$/gm, '\t:'));
    const full = await host.run(['run']);
    fs.writeFileSync(script, text);
    execFileSync('umount', [folder]);
    t.equal(status, 40, stderr);
    t.match(
      stderr,
      /too little room for a snapshot: \S+snapshots has \d+ bytes, the database has \d+/,
    );
    t.match(
      `${ended}: ${message}`,
      /^failed: too little room/,
      'it does not stay at pre_check',
    );
    t.equal(full.status, 40, full.stderr);
    t.match(full.stderr, /the snapshot could not be written/);
    await asBefore(t);
  });

  await t.test('a migration that succeeds, and the way back by hand', async (t) => {
    const { status, stderr } = await host.run(['run']);
    t.equal(status, 0, stderr);
    t.equal(await asks(), '1.4.0');
    t.match(phase(), { phase: 'completed' });
    t.equal(pg.sql(DB, 'select count(*) from guests where zone = name'), String(ROWS));
    t.equal(databases(pg), DB);
    t.equal(snapshots().length, 2, 'so many are kept');
    t.ok(
      snapshots().every(
        (name) =>
          (fs.statSync(host.path(`${STATE}/snapshots/${name}`)).mode & 0o77) === 0,
      ),
      'for root alone',
    );

    t.equal((await host.run(['rollback'])).status, 0);
    const [newest = ''] = snapshots().sort().reverse();
    const words = [
      'ash',
      host.path(`${LIBRARY}/vdc-migration`),
      'restore',
      host.path(`${STATE}/snapshots/${newest}`),
    ];
    const restored = await run('busybox', words, { env: { ROOT: host.dir } });
    t.equal(restored.status, 0, restored.stderr);
    await asBefore(t);
  });

  await t.test(
    'a release with the same migrations leaves the database alone',
    async (t) => {
      const count = snapshots().length;
      const script = 'exit 0';
      publish(script, { version: '1.0.0' });
      t.equal((await host.run(['apply'])).status, 0);
      t.equal(snapshots().length, count);
      await asBefore(t);
    },
  );
});
