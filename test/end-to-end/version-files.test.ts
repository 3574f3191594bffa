import fs from 'node:fs';
import path from 'node:path';
import t, { type Test } from 'tap';
import { cutOff } from '../support/cut-off.ts';
import { boot, publishImage, slotHost, systemImage } from '../support/slot-host.ts';
import { client } from '../support/three-components.ts';

/** What programs of the older layout read of components: /data/versions/<name>.version. */

const MANAGER = '/services/manager';

/** A host that the older updater brought as far as 0.9.4, and a publisher. */
function olderHost(t: Test) {
  const { forge, host } = slotHost(t.testdir({ tree: {}, host: {} }));
  const put = (place: string, content: string, mode = 0o644): void => {
    fs.mkdirSync(path.dirname(host.path(place)), { recursive: true });
    fs.writeFileSync(host.path(place), content, { mode });
  };
  put('/data/bin/qx-node', '#!/bin/sh\necho 0.9.4\n', 0o755);
  put('/data/versions/qx-node.version', '0.9.4');
  put('/data/versions/qx-console.version', '0.9.1');
  // Every restart notes what the program would read when it starts.
  const file = host.path('/data/versions/qx-node.version');
  const notes = `[ "$2" != restart ] || cat ${file} >>${host.path('/seen')}\nexit 0\n`;
  put(MANAGER, `#!/bin/sh\n${notes}`, 0o755);
  host.configure({ service_manager: MANAGER });
  const ends = async (status: number, ...words: string[]): Promise<void> => {
    const ended = await host.run(words);
    if (ended.status === status) return;
    throw new Error(`${words.join(' ')} ended with ${ended.status}: ${ended.stderr}`);
  };
  let serial = 0;
  const publish = (version: string, health: object[] = []): void => {
    serial += 1;
    const component = { restart_service: 'quantix-node', health };
    forge.release({
      version,
      serial,
      manifest: { release: serial },
      component: component as never,
    });
  };
  const publishSystem = (version: string): void => {
    serial += 1;
    const image = systemImage(version);
    publishImage(forge, { version, serial, image });
  };
  return { host, ends, publish, publishSystem, told: () => versionsTold(host.dir) };
}

/** By component. */
function versionsTold(host: string): Record<string, string> {
  const folder = path.join(host, 'data/versions');
  return Object.fromEntries(
    fs
      .readdirSync(folder)
      .map((name) => [name, fs.readFileSync(path.join(folder, name), 'utf8').trimEnd()]),
  );
}

const CONSOLE = { 'qx-console.version': '0.9.1' };
const tells = (version: string): object => ({ 'qx-node.version': version, ...CONSOLE });

t.test('version files follow what is current, before a service restarts', async (t) => {
  const { host, ends, publish, told } = olderHost(t);
  publish('1.0.0');
  await ends(0, 'apply');
  t.same(told(), tells('1.0.0'), 'and what was not updated here is left alone');
  publish('1.1.0');
  await ends(0, 'apply');
  t.same(told(), tells('1.1.0'));
  publish('1.2.0', [{ type: 'tcp', port: 1, timeout_seconds: 1, retries: 0 }]);
  await ends(40, 'apply');
  t.same(told(), tells('1.1.0'), 'the release that was taken back');
  await ends(0, 'rollback');
  t.same(told(), tells('1.0.0'));
  await ends(0, 'rollback', '--to', 'baked');
  t.same(told(), tells('0.9.4'), 'what the older updater said of what stood there');
  const seen = fs.readFileSync(host.path('/seen'), 'utf8').trim().split('\n');
  t.same(seen, ['1.0.0', '1.1.0', '1.2.0', '1.1.0', '1.0.0', '0.9.4']);
});

t.test('another system that boots has its own', async (t) => {
  const { host, ends, publish, publishSystem, told } = olderHost(t);
  publish('1.0.0');
  await ends(0, 'apply');
  publishSystem('2.0.0');
  await ends(0, 'apply');
  t.same(told(), tells('1.0.0'), 'before it boots');
  boot(host.dir, 'B', 'trial');
  const before = `${host.dir}-before`;
  fs.cpSync(host.dir, before, { recursive: true, verbatimSymlinks: true });
  await ends(0, 'recover');
  t.same(told(), CONSOLE, 'what is baked into it is not known by name');
  boot(host.dir, 'A', 'fallback');
  await ends(0, 'recover');
  t.same(told(), tells('1.0.0'));

  const faults: string[] = [];
  for (let last = 1, ended = false; !ended; last += 1) {
    const cut = `${before}-${last}`;
    fs.cpSync(before, cut, { recursive: true, verbatimSymlinks: true });
    const run = cutOff(last);
    await client(cut, ['recover'], run);
    ended = run.seen.length < last;
    await client(cut, ['recover'], cutOff(Infinity));
    if ('qx-node.version' in versionsTold(cut)) faults.push(run.seen.at(-1) ?? '');
    fs.rmSync(cut, { recursive: true });
  }
  t.same(faults, [], 'wherever the boot service is cut off');
});

t.test('an update that is cut off leaves the version of what is current', async (t) => {
  const { host, ends, publish } = olderHost(t);
  publish('1.0.0');
  await ends(0, 'apply');
  publish('1.1.0');
  const faults: string[] = [];
  for (let last = 1, ended = false; !ended; last += 1) {
    const cut = `${host.dir}-${last}`;
    fs.cpSync(host.dir, cut, { recursive: true, verbatimSymlinks: true });
    const run = cutOff(last);
    await client(cut, ['apply'], run);
    ended = run.seen.length < last;
    await client(cut, ['recover'], cutOff(Infinity));
    const program = fs.readFileSync(path.join(cut, 'data/bin/qx-node'), 'utf8');
    const said = versionsTold(cut)['qx-node.version'] ?? 'nothing';
    if (!program.includes(said)) faults.push(`${run.seen.at(-1)}: ${said}`);
    fs.rmSync(cut, { recursive: true });
  }
  t.same(faults, []);
});

t.test('nothing is told where the files cannot be, or nobody reads them', async (t) => {
  const { host, ends, publish } = olderHost(t);
  fs.rmSync(host.path('/data/versions'), { recursive: true });
  fs.writeFileSync(host.path('/data/versions'), 'no folder');
  publish('1.0.0');
  await ends(0, 'apply');
  fs.rmSync(host.path('/data/versions'));
  const paths = ['/data/bin/qx-node'];
  const allowed = { allow_paths: paths, allow_services: ['quantix-node'] };
  const keys = { profile: 'generic', service_manager: 'none', ...allowed };
  host.configure({ ...keys, trust_root: '/quantix/root.json' });
  publish('1.1.0');
  await ends(0, 'apply');
  t.notOk(fs.existsSync(host.path('/data/versions')));
});
