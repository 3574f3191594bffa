import fs from 'node:fs';
import path from 'node:path';
import t from 'tap';
import { type Appliance, makeAppliance } from '../support/appliance.ts';
import { needs } from '../support/needs.ts';
import { type Finished, run } from '../support/process.ts';
import { ROOT } from '../support/setup.mjs';

const FOLDER = path.join(ROOT, 'overlay/etc/init.d');
const LIBRARY = '/usr/lib/quantix-update';

/** What openrc-run offers to a script, as words on stdout. The script's own paths lead below `$ROOT`. */
const OPENRC = `
for name in ebegin ewarn eerror need use want after before; do
	eval "$name() { echo \\"$name \\$*\\"; }"
done
eend() { return "$1"; }
RC_SVCNAME=\${1##*/}
[ ! -f "$ROOT/etc/conf.d/$RC_SVCNAME" ] || . "$ROOT/etc/conf.d/$RC_SVCNAME"
sed "s,/usr/lib/quantix-update/,$ROOT&,; s,/dev/console,$ROOT&,; s,=/run/,=$ROOT/run/," "$1" > "$ROOT/script"
. "$ROOT/script"
shift
"$@"`;

function service(host: Appliance, name: string, ...words: string[]): Promise<Finished> {
  const script = path.join(FOLDER, name);
  const env = { ROOT: host.dir };
  return run('busybox', ['ash', '-c', OPENRC, 'openrc-run', script, ...words], { env });
}

t.test(
  'the agent that an update brought is started, when it can be',
  needs('busybox'),
  async (t) => {
    const host = makeAppliance(t.testdir());
    const command = async (): Promise<string> => {
      const { stdout } = await service(host, 'quantix-node', 'sh', '-c', 'true');
      t.equal(stdout, '');
      const shown = await service(
        host,
        'quantix-node',
        'eval',
        'start_pre && echo "$command"',
      );
      return shown.stdout.trim().replace(host.dir, '');
    };
    t.equal(
      await command(),
      'eerror there is neither /data/bin/qx-node nor /usr/bin/qx-node',
    );
    host.put('/usr/bin/qx-node', '', 0o755);
    t.equal(await command(), '/usr/bin/qx-node');
    host.put('/data/bin/qx-node', '', 0o644);
    t.equal(await command(), '/usr/bin/qx-node', 'one that is no program does not count');
    host.put('/data/bin/qx-node', '', 0o755);
    t.equal(await command(), '/data/bin/qx-node');
    fs.rmSync(host.path('/data/bin/qx-node'));
    fs.symlinkSync('../components/current/qx-node', host.path('/data/bin/qx-node'));
    t.equal(await command(), '/usr/bin/qx-node', 'nor a link that leads nowhere');
  },
);

t.test('a boot goes on whatever its services find', needs('busybox'), async (t) => {
  for (const [name, program] of [
    ['quantix-overlay-mounts', 'overlay-mounts'],
    ['quantix-update-check', 'update-check'],
  ] as const) {
    const host = makeAppliance(t.testdir());
    host.stub(program, '', `${LIBRARY}/${program}`);
    const well = await service(host, name, 'start');
    t.equal(well.status, 0);
    t.notMatch(well.stdout, 'ewarn');
    host.stub(program, 'exit 1', `${LIBRARY}/${program}`);
    const unwell = await service(host, name, 'start');
    t.equal(unwell.status, 0);
    t.match(unwell.stdout, /^ewarn .* goes on/m);
    t.same(host.called(), [program, program]);
  }
});

t.test(
  'the watch goes on in the background, and ends when it is stopped',
  needs('busybox'),
  async (t) => {
    const host = makeAppliance(t.testdir());
    host.put('/dev/console', '');
    const watch = `#!/bin/sh
mkdir -p "${host.dir}/run/quantix"
echo "$$" > "${host.dir}/run/quantix/update-verify"
echo watching
exec 1>&2
for n in 1 2 3 4 5 6 7 8 9; do sleep 1; done
echo "nobody stopped it"
`;
    host.put(`${LIBRARY}/update-verify`, watch, 0o755);
    t.match(await service(host, 'quantix-update-verify', 'start'), { status: 0 });
    while (!host.read('/dev/console').includes('watching'))
      await new Promise((resolve) => setTimeout(resolve, 20));
    const pid = Number(host.read('/run/quantix/update-verify'));
    t.doesNotThrow(() => process.kill(pid, 0), 'start came back while it runs');
    t.match(await service(host, 'quantix-update-verify', 'stop'), {
      status: 0,
      stderr: '',
    });
    while (fs.existsSync(`/proc/${pid}`))
      await new Promise((resolve) => setTimeout(resolve, 20));
    t.equal(host.read('/dev/console'), 'watching\n');
    t.match(await service(host, 'quantix-update-verify', 'stop'), {
      status: 0,
      stderr: '',
    });
  },
);

t.test(
  'stopping the watch ends no other program that has its number now',
  needs('busybox'),
  async (t) => {
    const host = makeAppliance(t.testdir());
    host.put('/run/quantix/update-verify', `${process.pid}\n`);
    t.match(await service(host, 'quantix-update-verify', 'stop'), {
      status: 0,
      stderr: '',
    });
  },
);

t.test(
  'mounts come before what looks at them, and that before what it chooses',
  needs('busybox'),
  async (t) => {
    const host = makeAppliance(t.testdir());
    const says = async (name: string): Promise<string> =>
      (await service(host, name, 'depend')).stdout;
    t.match(await says('quantix-update-check'), /^after .*\bquantix-overlay-mounts\b/m);
    t.match(await says('quantix-update-check'), /^before .*\bquantix-node\b/m);
    for (const name of ['quantix-node', 'quantix-cron'])
      t.match(
        await says(name),
        /^after .*\bquantix-overlay-mounts\b.*\bquantix-update-check\b/m,
      );
    for (const name of fs.readdirSync(FOLDER))
      t.notMatch(
        await says(name),
        /^need/m,
        `${name}: what is missing does not stop a boot`,
      );
  },
);

t.test(
  'the API is served on a socket and by the words of its settings',
  needs('busybox'),
  async (t) => {
    const host = makeAppliance(t.testdir());
    const command = async (): Promise<string> =>
      (
        await service(
          host,
          'quantix-update-serve',
          'eval',
          'echo "$command" $command_args',
        )
      ).stdout.trim();
    t.equal(
      await command(),
      '/usr/bin/qx-update serve --socket /run/quantix/update.sock',
    );
    const settings = 'socket=/run/other.sock\ncommand_args="--style vdc"\n';
    host.put('/etc/conf.d/quantix-update-serve', settings);
    t.equal(
      await command(),
      '/usr/bin/qx-update serve --socket /run/other.sock --style vdc',
    );
    t.match(await service(host, 'quantix-update-serve', 'depend'), {
      stdout: /^after .*\bquantix-update-check\b/m,
    });
  },
);
