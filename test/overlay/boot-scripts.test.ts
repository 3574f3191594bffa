import fs from 'node:fs';
import path from 'node:path';
import t, { type Test } from 'tap';
import { type Appliance, makeAppliance } from '../support/appliance.ts';
import { needs } from '../support/needs.ts';
import { ROOT } from '../support/setup.mjs';

const LIBRARY = '/usr/lib/quantix-update';
const CLIENT = `${LIBRARY}/qx-update.cjs`;

function makeHost(t: Test): Appliance {
  const host = makeAppliance(t.testdir());
  host.install();
  host.stub('logger');
  host.stub('client', '', CLIENT);
  return host;
}

const told = (host: Appliance): string[] =>
  host.called().filter((call) => !call.startsWith('logger'));

t.test('the boot service lets the client recover', needs('busybox'), async (t) => {
  const host = makeHost(t);
  t.match(await host.run(`${LIBRARY}/update-check`), {
    status: 0,
    stdout: '',
    stderr: '',
  });
  t.same(told(host), ['client --root  recover']);
});

t.test('a client that cannot recover is told', needs('busybox'), async (t) => {
  const host = makeHost(t);
  host.stub('client', 'echo "qx-update: error: state unusable" >&2; exit 30', CLIENT);
  const { status, stderr } = await host.run(`${LIBRARY}/update-check`);
  t.equal(status, 30);
  t.match(stderr, /state unusable\nupdate-check: qx-update recover ended with status 30/);
});

t.test('one that hangs is ended', needs('busybox'), async (t) => {
  const host = makeHost(t);
  host.put('/etc/conf.d/quantix-update-check', 'timeout_seconds=1\n');
  host.stub('client', 'exec sleep 20', CLIENT);
  const { status, stderr } = await host.run(`${LIBRARY}/update-check`);
  t.not(status, 0);
  t.match(stderr, /did not end within 1 seconds/);
});

t.test('the console is the newest that starts', needs('busybox'), async (t) => {
  const launcher = '/usr/local/bin/qx-console-launcher';
  const host = makeHost(t);
  host.stub('baked', 'exit 5', '/usr/bin/qx-console');
  t.equal((await host.run(launcher, ['--tty', '1'])).status, 5);
  host.stub('updated', 'exit 0', '/data/bin/qx-console');
  t.equal((await host.run(launcher, ['--tty', '1'])).status, 0);
  host.stub('updated', 'kill -SEGV $$', '/data/bin/qx-console');
  const { status, stderr } = await host.run(launcher, ['--tty', '1']);
  t.equal(status, 5);
  t.match(
    stderr,
    /qx-console-launcher: warning: .*\/data\/bin\/qx-console failed with status 139/,
  );
  t.same(host.called(), [
    'baked --tty 1',
    'updated --tty 1',
    'updated --tty 1',
    'baked --tty 1',
  ]);
});

/** The scripts of etc/local.d, in the place of an image, with stand-ins for what they start. */
function makeLocal(t: Test): Appliance {
  const host = makeHost(t);
  for (const name of fs.readdirSync(path.join(ROOT, 'overlay/etc/local.d'))) {
    const text = fs.readFileSync(path.join(ROOT, 'overlay/etc/local.d', name), 'utf8');
    host.put(`/etc/local.d/${name}`, text, 0o755);
  }
  for (const name of ['overlay-mounts', 'update-check', 'update-verify']) {
    const begun = host.path(`/run/quantix/${name}`);
    host.stub(
      name,
      `mkdir -p "${path.dirname(begun)}"; : > "${begun}"`,
      `${LIBRARY}/${name}`,
    );
  }
  host.stub('setsid', 'exec "$@"');
  return host;
}

/** As the service `local` does it. */
async function runLocal(host: Appliance): Promise<void> {
  for (const name of fs.readdirSync(host.path('/etc/local.d')).sort())
    t.equal((await host.run(`/etc/local.d/${name}`)).status, 0, name);
  // The last one is in the background.
  while (!fs.existsSync(host.path('/run/quantix/update-verify')))
    await new Promise((resolve) => setTimeout(resolve, 20));
}

t.test(
  'an image with `local` alone does it all, in the right order',
  needs('busybox'),
  async (t) => {
    const host = makeLocal(t);
    await runLocal(host);
    t.same(
      host.called().filter((call) => !call.startsWith('setsid')),
      ['overlay-mounts', 'update-check', 'update-verify'],
    );
  },
);

t.test('what services have begun, `local` leaves alone', needs('busybox'), async (t) => {
  const host = makeLocal(t);
  for (const name of ['overlay-mounts', 'update-check', 'update-verify'])
    host.put(`/run/quantix/${name}`, '1\n');
  await runLocal(host);
  t.same(host.called(), []);
});

t.test(
  'mounts that fail do not keep `local` from the rest',
  needs('busybox'),
  async (t) => {
    const host = makeLocal(t);
    host.stub('overlay-mounts', 'exit 1', `${LIBRARY}/overlay-mounts`);
    await host.run('/etc/local.d/03-ab-update-check.start');
    t.same(host.called(), ['overlay-mounts', 'update-check']);
  },
);

t.test('each program says that it has begun', needs('busybox'), async (t) => {
  const host = makeHost(t);
  host.put('/proc/cmdline', 'ro\n');
  host.put('/proc/mounts', '');
  for (const name of ['overlay-mounts', 'update-check', 'update-verify']) {
    await host.run(`${LIBRARY}/${name}`);
    t.ok(fs.existsSync(host.path(`/run/quantix/${name}`)), name);
  }
});
