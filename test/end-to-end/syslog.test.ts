import fs from 'node:fs';
import path from 'node:path';
import t, { type Test } from 'tap';
import { EVENTS, type Event } from '../../client/state/events.ts';
import { makeHooks } from '../support/hooks.ts';
import { needs, needsMounts } from '../support/needs.ts';
import { type Finished, programPath, run } from '../support/process.ts';
import { type Host, makeHost, makeWorkspace, publishNode } from '../support/sandbox.ts';
import { ROOT } from '../support/setup.mjs';

const SYSLOGD = path.join(ROOT, 'test/support/syslogd.sh');

async function hostAndPointer(t: Test): Promise<{ host: Host; pointer: string }> {
  const dir = t.testdir({ bin: {} });
  const workspace = await makeWorkspace(path.join(dir, 'updates'));
  await publishNode(workspace, '1.0.0');
  const host = makeHost(path.join(dir, 'host'), {
    url: `file://${workspace.public}`,
    root: path.join(workspace.public, 'root/1.json'),
  });
  return {
    host,
    pointer: path.join(workspace.public, 'channels/quantix-os/stable.json'),
  };
}

/** What the host's own log has, as "id: text". */
function logged(host: Host): { event: Event; line: string }[] {
  const text = fs.readFileSync(host.path('/data/updates/update.log'), 'utf8');
  const lines = text.trimEnd().split('\n');
  return lines.map((line) => {
    const [, event = '', what = ''] = /^\S+ (\S+) (.*)$/.exec(line) ?? [];
    return { event: event as Event, line: `${event}: ${what}` };
  });
}

const LOGGERS = {
  'the logger of util-linux': (): void => undefined,
  'the logger of busybox': (bin: string): void =>
    fs.symlinkSync('/bin/busybox', path.join(bin, 'logger')),
};

for (const [name, install] of Object.entries(LOGGERS)) {
  t.test(
    `syslog hears what the log has, by ${name}`,
    { ...needs('busybox', 'unshare', 'logger'), ...needsMounts() },
    async (t) => {
      const { host, pointer } = await hostAndPointer(t);
      const bin = path.join(host.dir, '../bin');
      install(bin);
      const heard = path.join(host.dir, '../messages');
      const words = [programPath('qx-update'), '--root', host.dir, 'run', '--now'];
      const update = (): Promise<Finished> =>
        run('unshare', ['--mount', SYSLOGD, heard, ...words], {
          env: { PATH: `${bin}:${process.env.PATH}` },
        });

      host.configure({ auto_apply: true, notify: { syslog: true } });
      const updated = await update();
      t.equal(updated.status, 0, updated.stderr);
      fs.writeFileSync(pointer, '{}');
      t.equal((await update()).status, 20);

      const lines = logged(host);
      const events = lines.map(({ event }) => event);
      t.ok(events.includes('release-current') && events.includes('refused'));
      const messages = fs.readFileSync(heard, 'utf8').split('\n');
      const of = messages.flatMap((line) => / (\S+) qx-update: (.*)$/.exec(line) ?? []);
      t.same(
        of.filter((_, at) => at % 3 !== 0),
        lines.flatMap(({ event, line }) => [`daemon.${EVENTS[event]}`, line]),
        'each with its severity, in the same order',
      );

      host.configure({ auto_apply: true });
      fs.rmSync(heard);
      t.equal((await update()).status, 20);
      t.notMatch(fs.readFileSync(heard, 'utf8'), 'qx-update:', 'only where it is wanted');
    },
  );
}

const TROUBLES: Record<string, { script: string; told: RegExp }> = {
  'fails each time': {
    script: 'exit 3',
    told: /^notify-failed: syslog: logger ended with 3; /,
  },
  hangs: {
    script: 'exec sleep 100',
    told: /^notify-failed: syslog: logger did not end within 2 s; /,
  },
};

for (const [what, { script, told }] of Object.entries(TROUBLES)) {
  t.test(`a logger that ${what} is given up, and the update goes on`, async (t) => {
    const { host } = await hostAndPointer(t);
    const bin = path.join(host.dir, '../bin');
    const calls = path.join(bin, 'calls');
    const logger = `#!/bin/sh\necho "$@" >> "${calls}"\n${script}\n`;
    fs.writeFileSync(path.join(bin, 'logger'), logger, { mode: 0o755 });
    host.configure({ auto_apply: true, notify: { syslog: true } });
    makeHooks(host).put('post-install', '10');
    const env = { PATH: `${bin}:${process.env.PATH}` };
    const { status, stderr } = await host.run(['run', '--now'], { env });
    t.equal(status, 0, stderr);
    t.match((await host.run(['current'])).stdout, /1\.0\.0/);
    t.match(
      fs.readFileSync(calls, 'utf8'),
      /^-t qx-update .*hook-ended: .*\n$/,
      'asked once',
    );
    const events = logged(host).map(({ event }) => event);
    t.same(events, ['hook-ended', 'notify-failed', 'release-current']);
    t.match(logged(host)[1]?.line, told);
  });
}
