import fs from 'node:fs';
import type { Test } from 'tap';
import { makeAppliance } from './appliance.ts';
import { makeForge, sha256 } from './forge.ts';
import type { Postgres } from './postgres.ts';
import { run } from './process.ts';
import { type Host, makeHost } from './sandbox.ts';
import { freePort, until } from './scene.ts';
import { makeServices, serverScript, type ServerTraits } from './services/services.ts';
import { archive, file } from './tar.ts';

/** A control plane whose releases bring a program that migrates its database. */

export const ROWS = 100_000;
export const DB = 'quantix_vdc';
const SERVICE = 'quantix-controlplane';
export const LIBRARY = '/usr/lib/quantix-update';
export const STATE = '/var/lib/quantix-vdc/updates';

/** Rows, a sequence, a foreign key, a view, and what belongs to the database and not to its tables. */
const SEED = `
  create table guests (id serial primary key, name text not null, memory int not null, note text);
  insert into guests (name, memory, note)
    select 'guest ' || n, n % 4096, md5(n::text) from generate_series(1, ${ROWS}) n;
  create table disks (id int primary key, guest int not null references guests, bytes bigint);
  insert into disks select n, n, n * 4096::bigint from generate_series(1, 1000) n;
  create view large as select name from guests where memory > 4000;
  comment on table guests is 'what runs here';`;

export const digest = ({ sql }: Postgres): string =>
  sql(
    DB,
    `select (select md5(string_agg(g::text, ',' order by id)) from guests g)
      || (select md5(string_agg(d::text, ',' order by id)) from disks d)
      || (select count(*) from large) || ' ' || (select last_value from guests_id_seq)`,
  );

export const databases = ({ sql }: Postgres): string =>
  sql(
    'postgres',
    "select string_agg(datname, ',' order by datname) from pg_database where datname like 'quantix%'",
  );

const psql = (statement: string): string =>
  `psql -X -q -v ON_ERROR_STOP=1 -c "${statement}"`;
export const MIGRATES = [
  psql(
    'alter table guests add column zone text; update guests set zone = name, memory = memory + 1',
  ),
  psql('create table zones (guest int references guests); drop view large'),
].join(' && ');
/** The first statement is there for good when the second fails. */
export const FAILS = `${MIGRATES} && ${psql('delete from disks')} && ${psql('select no_such_column from guests')}`;

export interface ControlPlane {
  host: Host;
  publish: (migrate: string, traits: ServerTraits) => void;
  asks: () => Promise<string>;
  phase: () => { phase: string; message: string };
  /** Settings of the hook, besides where the server is. */
  settings: (lines: string) => void;
  /** A program that stands before the one of that name. */
  stub: (name: string, script: string) => void;
}

/** At 1.0.0, running, with the hook enabled. */
export async function controlPlane(t: Test, pg: Postgres): Promise<ControlPlane> {
  const dir = t.testdir({ tree: {}, host: {} });
  fs.chmodSync(dir, 0o755);
  const appliance = makeAppliance(`${dir}/host`);
  appliance.install();
  const forge = makeForge(`${dir}/tree`);
  const host = makeHost(`${dir}/host`, {
    url: `file://${forge.dir}`,
    root: forge.rootBytes,
  });
  const services = makeServices(t, `${dir}/host/services`);
  const port = await freePort();
  services.define(SERVICE, host.path('/usr/bin/qx-controlplane'), String(port));
  host.configure({
    auto_apply: true,
    profile: 'quantix-vdc',
    compatible: 'quantix-os',
    service_manager: '/services/manager.sh',
  });
  appliance.put('/bin/rc-service', `#!/bin/sh\nexec ${services.manager} "$@"\n`, 0o755);
  appliance.put('/proc/uptime', '40.33 70.00\n');
  const settings = (lines: string): void =>
    appliance.put(
      '/etc/conf.d/quantix-vdc-migration',
      `PGHOST=${pg.socket}\nkeep=2\n${lines}`,
    );
  settings('');
  await run(
    'busybox',
    ['ash', host.path(`${LIBRARY}/hooks`), 'enable', 'vdc-migration'],
    { env: { ROOT: host.dir } },
  );
  let serial = 0;
  const publish = (migrate: string, traits: ServerTraits): void => {
    serial += 1;
    const { version } = traits;
    const script = `#!/bin/sh\n# ${version}\nset -e\n${migrate}\n`;
    const tree = archive(file('migrate', script.length, 0o755), script);
    const server = Buffer.from(serverScript(traits));
    const common = (name: string, content: Buffer) => ({
      name,
      version,
      content: { sha256: sha256(content), size: content.length },
      sources: [forge.object(content, 'br')],
    });
    forge.release({
      version,
      serial,
      manifest: {
        release: serial,
        components: [
          {
            ...common('migrations', tree),
            kind: 'directory',
            install_path: '/usr/share/quantix-vdc/migrations',
            hooks: ['50-vdc-migration'],
          },
          {
            ...common('controlplane', server),
            kind: 'file',
            install_path: '/usr/bin/qx-controlplane',
            permissions: '0755',
            restart_service: SERVICE,
            health: [
              {
                type: 'http',
                port,
                path: '/health',
                timeout_seconds: 1,
                retries: traits.healthStatus === undefined ? 20 : 2,
              },
            ],
          },
        ],
      },
    });
  };
  pg.sql('postgres', `drop database if exists ${DB} with (force)`);
  pg.sql('postgres', `create database ${DB}`);
  publish('exit 0', { version: '1.0.0' });
  const first = await host.run(['run']);
  t.equal(first.status, 0, first.stderr);
  services.call(SERVICE, 'start');
  const asks = async (): Promise<string> =>
    (await (await fetch(`http://127.0.0.1:${port}/version`)).text()).trim();
  await until(async () => (await asks()) === '1.0.0');
  pg.sql(DB, SEED);
  pg.sql('postgres', `alter database ${DB} set work_mem = '5MB'`);
  const told = (): string =>
    fs.readFileSync(host.path(`${STATE}/migration.json`), 'utf8');
  return {
    host,
    publish,
    asks,
    settings,
    stub: (name, script) => appliance.put(`/bin/${name}`, script, 0o755),
    phase: () => JSON.parse(told()) as ReturnType<ControlPlane['phase']>,
  };
}
