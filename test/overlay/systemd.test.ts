import fs from 'node:fs';
import path from 'node:path';
import t, { type Test } from 'tap';
import { memoryFolder } from '../support/memory.ts';
import { needs } from '../support/needs.ts';
import { programPath, run, start } from '../support/process.ts';
import { ROOT } from '../support/setup.mjs';
import { snapshot } from '../support/snapshot.ts';
import { unitComplaints } from '../support/systemd.ts';

/** An image that systemd starts: what install.sh puts there, read by systemd's own tools. */

const SCRIPT = path.join(ROOT, 'overlay/install.sh');
const UNITS = 'usr/lib/systemd/system';
const NAMES = fs.readdirSync(path.join(ROOT, 'overlay', UNITS)).sort();

async function makeImage(t: Test): Promise<string> {
  programPath('qx-update');
  // A socket has no room for the path of a fixture.
  const image = memoryFolder(t);
  const made = await run('busybox', ['ash', SCRIPT, '--systemd', image]);
  t.match(made, { status: 0, stdout: '', stderr: '' });
  return image;
}

const read = (image: string, name: string): string =>
  fs.readFileSync(path.join(image, UNITS, name), 'utf8');

t.test('units take the place of OpenRC and cron', needs('busybox'), async (t) => {
  const image = await makeImage(t);
  const files = Object.keys(snapshot(image));
  t.same(
    files.filter((name) => name.startsWith(`${UNITS}/`)).sort(),
    NAMES.map((name) => `${UNITS}/${name}`),
  );
  const other = /^etc\/(?:init\.d|local\.d|periodic|runlevels|crontabs)/;
  t.same(
    files.filter((name) => other.test(name)),
    [],
  );
  t.same(
    fs.readdirSync(path.join(image, 'etc/conf.d')).sort(),
    ['quantix-drain', 'quantix-update-check', 'quantix-vdc-migration'],
    'the settings of what is called here too',
  );
  const before = snapshot(image);
  await run('busybox', ['ash', SCRIPT, '--systemd', image]);
  t.same(snapshot(image), before, 'a second time changes nothing');
});

t.test(
  'systemctl finds them enabled, as it would have done it',
  needs('busybox', 'systemctl'),
  async (t) => {
    const image = await makeImage(t);
    const systemctl = (...words: string[]) =>
      run('systemctl', [`--root=${image}`, ...words]);
    const states = Object.fromEntries(
      await Promise.all(
        NAMES.map(async (name) => {
          const { stdout } = await systemctl('is-enabled', name);
          return [name, stdout.trim()] as const;
        }),
      ),
    );
    t.same(states, {
      'quantix-update-check.service': 'enabled',
      'quantix-update-serve.service': 'enabled',
      // By its timer.
      'quantix-update.service': 'static',
      'quantix-update.timer': 'enabled',
    });
    const links = snapshot(path.join(image, 'etc/systemd'));
    const enabled = NAMES.filter((name) => states[name] === 'enabled');
    t.equal((await systemctl('disable', ...enabled)).status, 0);
    t.equal((await systemctl('enable', ...enabled)).status, 0);
    t.same(snapshot(path.join(image, 'etc/systemd')), links);
  },
);

/** Slips that systemd has to name, for a checker that lets everything pass would say nothing. */
const SLIPS: Record<string, [right: string, wrong: string, complaint: RegExp][]> = {
  'quantix-update.service': [
    ['KillMode=mixed', 'KillMode=some', /Failed to parse .*some/],
    ['qx-update run', 'qx-updat run', /qx-updat is not executable/],
  ],
  'quantix-update.timer': [['0/15', '0:15:15:15', /Failed to parse calendar/]],
  'quantix-update-check.service': [['3min', 'soon', /TimeoutStartSec=.*soon/]],
  'quantix-update-serve.service': [
    ['KillMode=process', 'KilMode=process', /Unknown key.*KilMode/],
    ['~@clock', '~@clocks', /clocks/],
    ['RestrictRealtime=yes', 'RestrictRealtime=often', /boolean value.*often/],
  ],
};

t.test('systemd reads every unit', needs('busybox', 'systemd-analyze'), async (t) => {
  const image = await makeImage(t);
  t.equal(await unitComplaints(image, NAMES), '');
  t.same(Object.keys(SLIPS).sort(), NAMES);
  for (const [name, slips] of Object.entries(SLIPS))
    for (const [right, wrong, complaint] of slips) {
      const text = read(image, name);
      t.ok(text.includes(right), right);
      fs.writeFileSync(path.join(image, UNITS, name), text.replace(right, wrong));
      t.match(await unitComplaints(image, NAMES), complaint, wrong);
      fs.writeFileSync(path.join(image, UNITS, name), text);
    }
});

t.test(
  'rights that are taken are called by their names',
  needs('busybox', 'setpriv'),
  async (t) => {
    const image = await makeImage(t);
    const known = (await run('setpriv', ['--list-caps'])).stdout.trim().split('\n');
    const text = read(image, 'quantix-update-serve.service');
    const [, names = ''] = /^CapabilityBoundingSet=~(.*)$/m.exec(text) ?? [];
    const taken = names.split(' ').map((name) => name.toLowerCase().replace('cap_', ''));
    t.ok(taken.length > 5);
    // systemd passes over a name that it does not know.
    t.same(
      taken.filter((name) => !known.includes(name)),
      [],
    );
  },
);

t.test('the client takes the words of each unit', needs('busybox'), async (t) => {
  const image = await makeImage(t);
  const wrapper = path.join(image, 'usr/lib/quantix-update/qx-update');
  const wordsOf = (name: string): string[] => {
    const [, words = ''] =
      /^ExecStart=\/usr\/bin\/qx-update (.*)$/m.exec(read(image, name)) ?? [];
    return words.split(' ');
  };
  const options = { env: { ROOT: image } };
  const ran = await run(wrapper, wordsOf('quantix-update.service'), options);
  t.equal(ran.status, 78, 'there is no configuration');
  const check = path.join(image, 'usr/lib/quantix-update/update-check');
  fs.mkdirSync(path.join(image, 'quantix'));
  const settings = 'url = "file:///nowhere"\nproduct = "quantix-os"\n';
  fs.writeFileSync(path.join(image, 'quantix/update.toml'), settings);
  const checked = await run(check, [], options);
  t.equal(checked.status, 0, checked.stderr);

  const words = [...wordsOf('quantix-update-serve.service'), '--listen', 'none'];
  const served = start(wrapper, words, options);
  t.teardown(() => served.child.kill('SIGKILL'));
  await served.printed(/^listening: .*run\/quantix\/update\.sock/m);
  served.child.kill('SIGTERM');
  t.equal((await served.ended).status, 0, 'systemd stops it, and that is no failure');
});
