import fs from 'node:fs';
import t from 'tap';
import { nextRoot, withFields } from '../support/bad-tree.ts';
import { buildClientAt } from '../support/client-at.ts';
import { makeForge } from '../support/forge.ts';
import { newestState } from '../support/host-state.ts';
import { type Finished, run } from '../support/process.ts';
import { type Host, makeHost } from '../support/sandbox.ts';

/** A year of a host whose publisher has gone away: said before it is too late, once a day, and never by the exit code. */

const POINTER =
  /warning: the pointer of quantix-os\/stable expires at 2032-03-31T00:00:00Z/;
const ROOT = /warning: the trust root 2 expires at 2032-07-01T00:00:00Z/;
const LOGGED = / expires-soon the (pointer|trust root) /g;

interface Status {
  warnings: { what: string; expires: string; message: string }[];
  pointerExpires: string | null;
  rootExpires: string | null;
}

t.test('what expires is said from a third of its life on', async (t) => {
  const dir = t.testdir({ tree: {}, host: {} });
  const client = await buildClientAt(`${dir}/client-at.cjs`);
  const forge = makeForge(`${dir}/tree`);
  const host = makeHost(`${dir}/host`, {
    url: `file://${forge.dir}`,
    root: forge.rootBytes,
  });
  const at = (time: string, ...args: string[]): Promise<Finished> =>
    run(process.execPath, [client, '--root', host.dir, ...args], {
      env: { QX_CLOCK: time },
    });
  const status = async (time: string): Promise<Status> =>
    JSON.parse((await at(time, 'status', '--json')).stdout) as Status;
  host.configure({ auto_apply: true });

  t.match(await status('2032-01-01T00:00:00Z'), {
    pointerExpires: null,
    rootExpires: '2099-01-01T00:00:00Z',
    warnings: [],
  });

  nextRoot(forge, { expires: '2032-07-01T00:00:00Z' });
  const life = { issued: '2032-01-01T00:00:00Z', expires: '2032-03-31T00:00:00Z' };
  forge.release({ pointer: { ...life, root: 2 } });
  const first = await at('2032-01-02T00:00:00Z', 'run');
  t.equal(first.status, 0, first.stderr);
  t.notMatch(first.stderr, /warning/);
  t.equal(newestState(host)?.repositories.example?.root_since, '2032-01-02T00:00:00Z');
  t.match(await status('2032-01-02T00:00:00Z'), {
    pointerExpires: '2032-03-31T00:00:00Z',
    rootExpires: '2032-07-01T00:00:00Z',
    warnings: [],
  });
  t.notMatch((await at('2032-02-29T12:00:00Z', 'run')).stderr, /warning/);

  const soon = await at('2032-03-02T00:00:00Z', 'run');
  t.equal(soon.status, 0);
  t.equal(soon.stdout, '');
  t.match(soon.stderr, POINTER);
  t.notMatch(soon.stderr, ROOT);
  const again = await at('2032-03-02T23:00:00Z', 'run');
  t.same([again.status, again.stderr], [0, ''], 'the same day says nothing twice');
  t.equal(logged(host), 1);
  t.match((await at('2032-03-03T01:00:00Z', 'run')).stderr, POINTER, 'the next day does');
  t.equal(logged(host), 2);
  t.match((await status('2032-03-03T01:00:00Z')).warnings, [
    { what: 'pointer', expires: '2032-03-31T00:00:00Z', message: /"qx-repo sign"/ },
  ]);
  t.match((await at('2032-03-03T01:00:00Z', 'status')).stdout, POINTER);

  // The pointer is signed anew, and then the root comes of age.
  const later = { issued: '2032-03-20T00:00:00Z', expires: '2033-01-01T00:00:00Z' };
  forge.release({ serial: 2, pointer: { ...later, root: 2 } });
  t.equal((await at('2032-04-30T00:00:00Z', 'run')).stderr, '');
  const root = await at('2032-05-03T00:00:00Z', 'run');
  t.equal(root.status, 0);
  t.match(root.stderr, ROOT);
  t.match(root.stderr, /"qx-repo root set-expiry"/);
  t.match((await status('2032-05-03T00:00:00Z')).warnings, [{ what: 'root' }]);

  const stale = await at('2032-07-01T00:00:00Z', 'run');
  t.equal(stale.status, 11, 'stale is what it was');
  t.match((await at('2032-07-01T00:00:00Z', 'status')).stdout, /root 2 has expired at/);
});

t.test(
  'a status whose root or pointer cannot be read is told all the same',
  async (t) => {
    const dir = t.testdir({ tree: {}, host: {} });
    const forge = makeForge(`${dir}/tree`);
    forge.release();
    const host = makeHost(`${dir}/host`, {
      url: `file://${forge.dir}`,
      root: forge.rootBytes,
    });
    t.equal((await host.run(['apply'])).status, 0);
    const status = async (): Promise<unknown> =>
      JSON.parse((await host.run(['status', '--json'])).stdout);
    const pointer = host.path('/data/updates/pointers/quantix-os/stable.json');
    fs.writeFileSync(pointer, withFields(fs.readFileSync(pointer), { expires: 'soon' }));
    t.match(await status(), { version: '1.0.0', pointerExpires: null, warnings: [] });
    fs.writeFileSync(host.path('/quantix/root.json'), '{}');
    t.match(await status(), { version: '1.0.0', rootExpires: null, warnings: [] });
  },
);

function logged(host: Host): number {
  const text = fs.readFileSync(host.path('/data/updates/update.log'), 'utf8');
  return text.match(LOGGED)?.length ?? 0;
}
