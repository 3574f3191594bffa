import { randomBytes } from 'node:crypto';
import fs from 'node:fs';
import path from 'node:path';
import t from 'tap';
import { needsSystemd, underSystemd } from '../support/booted.ts';
import { needs } from '../support/needs.ts';
import { startNginx } from '../support/nginx.ts';
import { run } from '../support/process.ts';
import { ROOT } from '../support/setup.mjs';
import { makeSite } from '../support/serving.ts';

/** The units of an image under a real systemd, with an update that takes some seconds. */

const SCRIPT = path.join(ROOT, 'overlay/install.sh');
const ask = (words: string): string =>
  `curl -s --unix-socket /run/quantix/update.sock ${words}`;
const STATUS = ask('http://any/api/v1/updates/status');

const STEPS = `
until_says() { n=0; until ${STATUS} | grep -q "$1"; do n=$((n + 1)); [ $n -lt 300 ] || break; sleep 0.1; done; }
systemctl start quantix-update-check.service; echo "check: $?"
systemctl start quantix-update.timer; echo "timer: $?"
systemctl start quantix-update-serve.service
until_says idle
systemctl show -P MainPID quantix-update-serve | sed 's,.*,/proc/&/status,' | xargs grep Seccomp:
${ask('-X POST http://any/api/v1/updates/apply')}
until_says downloading
systemctl stop quantix-update-serve.service
echo "stopped: $(systemctl show -P Result quantix-update-serve)"
qx-update status
systemctl start quantix-update.service; echo "run beside it: $?"
systemctl start quantix-update-serve.service
until_says complete
${STATUS}
systemctl start quantix-update.service; echo "run after it: $?"
echo "failed: $(systemctl --failed --plain --no-legend | wc -l)"
`;

t.test(
  'an update that serve started goes on when systemd stops serve',
  { ...needs('busybox', 'curl', 'nginx'), ...needsSystemd() },
  async (t) => {
    const site = await makeSite(t);
    const image = path.join(site.dir, 'image');
    fs.mkdirSync(image);
    const made = await run('busybox', ['ash', SCRIPT, '--systemd', image]);
    t.equal(made.status, 0, made.stderr);
    await site.publish('1.0.0', { 'qx-node': randomBytes(450_000).toString('latin1') });
    const nginx = await startNginx(t, site.workspace.public, {
      directives: 'limit_rate 50k;',
    });
    fs.mkdirSync(path.join(image, 'quantix'));
    fs.copyFileSync(
      path.join(site.workspace.public, 'root/1.json'),
      path.join(image, 'quantix/root.json'),
    );
    const settings = `url = "${nginx.url}"
product = "quantix-os"
service_manager = "none"
auto_apply = true
splay = "0s"
[serve]
listen = "none"
`;
    fs.writeFileSync(path.join(image, 'quantix/update.toml'), settings);
    const said = await underSystemd(image, STEPS);
    for (const line of [
      /^check: 0$/m,
      /^timer: 0$/m,
      /^Seccomp:\s+2$/m,
      /"status":"started"/,
      /^stopped: success$/m,
      /^now: downloading qx-node/m,
      /^run beside it: 0$/m,
      /"status":"complete","message":"updated to version 1\.0\.0"/,
      /^run after it: 0$/m,
      /^failed: 0$/m,
    ])
      t.match(said, line);
  },
);
