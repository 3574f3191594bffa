import fs from 'node:fs';
import t, { type Test } from 'tap';
import { type Appliance, makeAppliance } from '../support/appliance.ts';
import { needs } from '../support/needs.ts';

const LIBRARY = '/usr/lib/quantix-update';
const WRAPPER = `${LIBRARY}/qx-update`;
const BAKED = `${LIBRARY}/qx-update.cjs`;
const UPDATED = '/data/bin/qx-update';

/** An appliance with the library of the overlay and a client in the image. */
function makeHost(t: Test): Appliance {
  const host = makeAppliance(t.testdir());
  host.install();
  host.stub('baked', 'echo from the image', BAKED);
  return host;
}

t.test('the client that an update brought is called', needs('busybox'), async (t) => {
  const host = makeHost(t);
  host.stub('updated', 'echo from the update; echo told >&2', UPDATED);
  const { status, stdout, stderr } = await host.run(WRAPPER, ['check', 'two words']);
  t.same([status, stdout, stderr], [0, 'from the update\n', 'told\n']);
  t.same(host.called(), ['updated --root  check two words'], 'and no other');
});

t.test('words reach either client as they are', needs('busybox'), async (t) => {
  const host = makeHost(t);
  const print = 'for word; do echo "<$word>"; done';
  host.stub('baked', print, BAKED);
  t.match((await host.run(WRAPPER, ['a  b', '', '*'])).stdout, '<a  b>\n<>\n<*>\n');
  host.stub('updated', print, UPDATED);
  t.match((await host.run(WRAPPER, ['a  b', '', '*'])).stdout, '<a  b>\n<>\n<*>\n');
});

t.test('without one, that of the image', needs('busybox'), async (t) => {
  const host = makeHost(t);
  t.match(await host.run(WRAPPER, ['check']), { status: 0, stderr: '' });
  host.put(UPDATED, 'not executable', 0o644);
  t.match(await host.run(WRAPPER, ['check']), { status: 0, stderr: '' });
  fs.rmSync(host.path(UPDATED));
  fs.symlinkSync('/data/components/current/qx-update', host.path(UPDATED));
  t.match(await host.run(WRAPPER, ['check']), { status: 0, stderr: '' });
  t.equal(host.called().length, 3, 'a link that leads nowhere is none');
});

t.test(
  'one that does not start hands over, and it is said',
  needs('busybox'),
  async (t) => {
    const broken: [string, string, number][] = [
      ['a defect', 'exit 1', 1],
      ['a module that is not there', 'exec /nonexistent', 127],
      ['SIGSEGV', 'kill -SEGV $$', 139],
      ['SIGILL', 'kill -ILL $$', 132],
      ['SIGABRT', 'kill -ABRT $$', 134],
      ['SIGBUS', 'kill -BUS $$', 135],
      ['SIGFPE', 'kill -FPE $$', 136],
    ];
    for (const [why, body, number] of broken) {
      const host = makeHost(t);
      host.stub('updated', body, UPDATED);
      const { status, stdout, stderr } = await host.run(WRAPPER, ['check']);
      t.same([status, stdout], [0, 'from the image\n'], why);
      const said = `/data/bin/qx-update failed with status ${number}; `;
      t.match(stderr.replaceAll(host.dir, ''), `qx-update: warning: ${said}`, why);
    }
    const host = makeHost(t);
    host.put(UPDATED, '#!/nonexistent/node\n', 0o755);
    t.match(await host.run(WRAPPER, ['check']), {
      status: 0,
      stdout: 'from the image\n',
    });
    host.put(UPDATED, '\x7fELF, and then nothing', 0o755);
    t.match(await host.run(WRAPPER, ['check']), {
      status: 0,
      stdout: 'from the image\n',
    });
  },
);

t.test('one that refuses is believed', needs('busybox'), async (t) => {
  for (const status of [2, 10, 20, 41, 75, 78, 101]) {
    const host = makeHost(t);
    host.stub('updated', `exit ${status}`, UPDATED);
    t.match(await host.run(WRAPPER, ['check']), { status, stdout: '', stderr: '' });
  }
});

t.test(
  "the status of the image's own client is passed on",
  needs('busybox'),
  async (t) => {
    const host = makeHost(t);
    host.stub('baked', 'exit 20', BAKED);
    host.stub('updated', 'exit 127', UPDATED);
    t.equal((await host.run(WRAPPER, ['check'])).status, 20);
  },
);

t.test('what is written to it reaches the client', needs('busybox'), async (t) => {
  const host = makeHost(t);
  host.stub('updated', 'cat', UPDATED);
  t.equal((await host.run(WRAPPER, [], { input: 'typed\n' })).stdout, 'typed\n');
});

t.test(
  'a signal reaches the client, and its end is waited for',
  needs('busybox'),
  async (t) => {
    const host = makeHost(t);
    const body =
      'trap "echo going back; sleep 0.2; echo done; exit 75" TERM\necho ready; for n in 1 2 3 4 5 6 7 8 9; do sleep 0.2; done';
    host.stub('updated', body, UPDATED);
    const running = host.start(WRAPPER, ['run']);
    await running.printed(/ready/);
    running.child.kill('SIGTERM');
    const { status, stdout } = await running.ended;
    t.same([status, stdout], [75, 'ready\ngoing back\ndone\n']);
  },
);

t.test(
  'one that a signal ended is not replaced by the other',
  needs('busybox'),
  async (t) => {
    const host = makeHost(t);
    host.stub(
      'updated',
      'trap "exit 1" TERM\necho ready; for n in 1 2 3 4 5 6 7 8 9; do sleep 0.2; done',
      UPDATED,
    );
    const running = host.start(WRAPPER, ['serve']);
    await running.printed(/ready/);
    running.child.kill('SIGTERM');
    t.match(await running.ended, { status: 1, stdout: 'ready\n' });
  },
);
