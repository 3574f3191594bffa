import fs from 'node:fs';
import path from 'node:path';
import t from 'tap';
import { programPath, run, start } from '../support/process.ts';
import { ROOT } from '../support/setup.mjs';

/** Commands that stay until they are stopped, and what they say when they are there. */
const STAYING: Record<string, RegExp> = { 'qx-update serve': /listening: https/ };

const SETUP = `
set -eu
qx-repo init . --repository example --no-password
publish() {
  printf '#!/bin/sh\\necho %s\\n' "$1" > qx-node
  qx-repo generate --product quantix-os --version "$1" --component qx-node=qx-node
}
publish 1.0.0
qx-repo point quantix-os stable 1.0.0
qx-repo point quantix-os beta 1.0.0
cp public/root/1.json "$HOST/quantix/root.json"
cat > "$HOST/quantix/update.toml" <<END
url = "file://$PWD/public"
product = "quantix-os"
auto_apply = true
[serve]
listen = "127.0.0.1:0"
END
qx-update apply
publish 1.1.0
qx-repo point quantix-os stable 1.1.0
qx-repo point quantix-os beta 1.1.0
`;

/** The commands in the second column of the tables below a heading, in order, table by table. */
function commandsBelow(heading: string): string[][] {
  const text = fs.readFileSync(path.join(ROOT, 'README.md'), 'utf8');
  const [, after = ''] = text.split(`\n## ${heading}\n`);
  const [section = ''] = after.split('\n## ');
  return section.split(/^\| when … \|.*$/m).map((table) => {
    const rows = table.split('\n').filter((line) => line.startsWith('|'));
    return rows.flatMap((row) =>
      [...(row.split('|')[2] ?? '').matchAll(/`(qx-[^`]+)`/g)].map(
        ([, words]) => words ?? '',
      ),
    );
  });
}

t.test('what an operator is told to type does what it says', async (t) => {
  const dir = t.testdir({ bin: {}, work: {}, host: { quantix: {}, media: {} } });
  const shim = (name: 'qx-update' | 'qx-repo', words: string): void => {
    const text = `#!/bin/sh\nexec '${process.execPath}' '${programPath(name)}' ${words} "$@"\n`;
    fs.writeFileSync(`${dir}/bin/${name}`, text, { mode: 0o755 });
  };
  shim('qx-update', `--root '${dir}/host'`);
  shim('qx-repo', '');
  const options = {
    cwd: `${dir}/work`,
    env: { PATH: `${dir}/bin:${process.env.PATH ?? ''}`, HOST: `${dir}/host` },
  };
  const shell = (text: string) => run('sh', ['-c', text], options);
  const prepared = await shell(SETUP);
  t.equal(prepared.status, 0, prepared.stderr);
  // The stick that the last row of the host's table asks for is made by a row of the other.
  const stick = 'qx-repo bundle --for 1.1.0 --product quantix-os -o ../host/media/stick';
  t.equal((await shell(stick)).status, 0);

  const [, onHost = [], inWorkspace = []] = commandsBelow(
    'I operate this: what do I type when …',
  );
  t.ok(onHost.length > 15 && inWorkspace.length > 8, 'there are commands to run');
  for (const command of [...onHost, ...inWorkspace]) {
    const stays = STAYING[command];
    if (stays === undefined) {
      const { status, stdout, stderr } = await shell(command);
      t.equal(status, 0, `${command}\n${stdout}${stderr}`);
      continue;
    }
    const running = start('sh', ['-c', `exec ${command}`], options);
    await running.printed(stays);
    running.child.kill('SIGTERM');
    t.equal((await running.ended).status, 0, command);
  }
});
