import { spawnSync } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import t from 'tap';
import { removeTree } from '../../../client/effects/durable.ts';
import { nodeEffects } from '../../../client/effects/node.ts';
import { observe } from '../../../client/effects/observe.ts';
import { needs, needsRoot } from '../../support/needs.ts';

const NOBODY = 65534;

t.test(
  'a folder that is removed is not swapped for a link meanwhile',
  { ...needsRoot(), ...needs('setpriv') },
  async (t) => {
    // Not tap's own folder, to which another user may not get.
    const dir = fs.mkdtempSync('/tmp/quantix-removal-');
    t.teardown(() => fs.rmSync(dir, { recursive: true, force: true }));
    fs.chmodSync(dir, 0o755);
    fs.mkdirSync(path.join(dir, 'victim'));
    fs.writeFileSync(path.join(dir, 'victim/file'), 'of root');
    const theirs = path.join(dir, 'staging/theirs');
    fs.mkdirSync(path.join(theirs, 'below'), { recursive: true });
    for (const folder of [theirs, `${theirs}/below`])
      fs.chownSync(folder, NOBODY, NOBODY);

    const swap = `mv '${theirs}/below' '${theirs}/aside' && ln -s '${dir}/victim' '${theirs}/below'`;
    const as = [`--reuid=${NOBODY}`, `--regid=${NOBODY}`, '--clear-groups', 'sh', '-c'];
    let tries = 0;
    // The moment between "it is a folder" and "what is in it".
    const { files } = observe(nodeEffects({}), ({ name, args }) => {
      if (name !== 'files.list' || args[0] !== `${theirs}/below`) return;
      tries += 1;
      t.not(spawnSync('setpriv', [...as, swap]).status, 0, 'it is too late for that');
    });
    await removeTree(files, path.join(dir, 'staging'));
    t.equal(tries, 1);
    t.notOk(fs.existsSync(path.join(dir, 'staging')));
    t.ok(fs.existsSync(path.join(dir, 'victim/file')), 'what is elsewhere stays');
  },
);
