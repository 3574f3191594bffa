import fs from 'node:fs';
import path from 'node:path';
import t, { type Test } from 'tap';
import { needs } from '../support/needs.ts';
import { programPath, run } from '../support/process.ts';
import { makeWorkspace } from '../support/sandbox.ts';
import { ROOT } from '../support/setup.mjs';
import { atTerminal, type Turn } from '../support/terminal.ts';

/** What is typed before Tab, and the word that it ends with then. */
const ROWS: [typed: string, completed: string][] = [
  ['qx-repo rollo', 'rollout'],
  ['qx-repo root add', 'add-key'],
  ['qx-repo root rotate rel', 'release'],
  ['qx-repo generate --chan', '--channel'],
  ['qx-repo generate --version 1.0.0 --channel be', 'beta'],
  ['qx-repo generate --channel=be', '--channel=beta'],
  ['qx-repo generate --notes ch', 'changes.md'],
  ['qx-repo rollout quantix-os beta pa', 'pause'],
  ['qx-repo promote quantix-os be', 'beta'],
  ['qx-repo preflight http://127.0.0.1/ --auth', '--authorization-file'],
  ['qx-repo --workspace elsewhere point quantix-v', 'quantix-vdc'],
  ['qx-repo verify --workspace else', 'elsewhere'],
  ['qx-repo completion fi', 'fish'],
  ['qx-update mark-g', 'mark-good'],
  ['qx-update serve --style ho', 'host-ui'],
  ['qx-update config set auto_a', 'auto_apply'],
  ['qx-update --json run --channel st', 'stable'],
  ['qx-update --root host channel ed', 'edge'],
];

/** A workspace with a channel, one without, and a host that has seen the channel "edge"; in `bin` the programs and their scripts. */
async function scene(t: Test): Promise<{ cwd: string; bin: string }> {
  const dir = t.testdir({ bin: {} });
  const bin = path.join(dir, 'bin');
  const workspace = await makeWorkspace(path.join(dir, 'workspace'));
  const cwd = workspace.dir;
  fs.writeFileSync(path.join(cwd, 'changes.md'), 'It is quicker.\n');
  const what = ['--product', 'quantix-os', '--version', '1.0.0', '--channel', 'beta'];
  await workspace.ok([
    'generate',
    ...what,
    '--fast',
    '--component',
    'qx-node=changes.md',
  ]);
  await makeWorkspace(path.join(cwd, 'elsewhere'));
  fs.mkdirSync(path.join(cwd, 'host/quantix'), { recursive: true });
  fs.writeFileSync(
    path.join(cwd, 'host/quantix/update.toml'),
    'product = "quantix-os"\nurl = "http://127.0.0.1:9/"\n',
  );
  fs.mkdirSync(path.join(cwd, 'host/data/updates/pointers/quantix-os/edge'), {
    recursive: true,
  });
  for (const program of ['qx-repo', 'qx-update'] as const) {
    fs.symlinkSync(programPath(program), path.join(bin, program));
    for (const shell of ['bash', 'zsh', 'fish']) {
      const { status, stdout } = await run(programPath(program), ['completion', shell]);
      t.equal(status, 0);
      fs.writeFileSync(path.join(bin, `${program}.${shell}`), stdout);
    }
  }
  return { cwd, bin };
}

const inPath = (bin: string) => ({ PATH: `${bin}:${process.env.PATH ?? ''}` });

/** Types each row and Tab at a prompt, then puts an echo before the line. */
async function typed(t: Test, shell: string[], start: string): Promise<void> {
  const { cwd, bin } = await scene(t);
  const turns: Turn[] = [
    [/[$%#] (\u001b\[\?2004h)?$/, `${start}\n`],
    ...ROWS.map(([row], index): Turn => [
      /READY(\u001b\[\?2004h)?$/,
      `${row}\t\u0001echo line${index}= \n`,
    ]),
    [/READY(\u001b\[\?2004h)?$/, 'exit\n'],
  ];
  const env = { ...inPath(bin), BIN: bin, HOME: bin, NODE_OPTIONS: '' };
  const { screen } = await atTerminal(shell, turns, { cwd, env });
  for (const [index, [row, completed]] of ROWS.entries()) {
    const line = new RegExp(`^line${index}= (.*?) *\r?$`, 'm').exec(screen)?.[1];
    // zsh takes the slash behind a folder away again.
    t.equal(
      line?.replace(/\/$/, ''),
      `${row.split(' ').slice(0, -1).join(' ')} ${completed}`,
      row,
    );
  }
}

t.test('bash completes', needs('bash', 'script'), (t) =>
  typed(
    t,
    ['bash', '--norc', '--noprofile', '-i'],
    'bind "set enable-bracketed-paste off"; . $BIN/qx-repo.bash; . $BIN/qx-update.bash; PS1=READY',
  ),
);

t.test('zsh completes', needs('zsh', 'script'), (t) =>
  typed(
    t,
    ['zsh', '-f', '-i'],
    'autoload -U compinit; compinit -u; . $BIN/qx-repo.zsh; . $BIN/qx-update.zsh; PS1=READY',
  ),
);

t.test('zsh finds the scripts by their names', needs('zsh', 'script'), (t) =>
  typed(
    t,
    ['zsh', '-f', '-i'],
    'ln $BIN/qx-repo.zsh $BIN/_qx-repo; ln $BIN/qx-update.zsh $BIN/_qx-update; fpath=($BIN $fpath); autoload -U compinit; compinit -u; PS1=READY',
  ),
);

t.test('an image gets what the program prints', async (t) => {
  const { stdout } = await run(programPath('qx-update'), ['completion', 'bash']);
  const file = 'overlay/usr/share/bash-completion/completions/qx-update';
  t.equal(fs.readFileSync(path.join(ROOT, file), 'utf8'), stdout);
});

t.test('fish completes', needs('fish'), async (t) => {
  const { cwd, bin } = await scene(t);
  const script = ROWS.map(
    ([row]) => `echo (complete -C '${row}' | string collect)\necho`,
  );
  const sources = ['qx-repo', 'qx-update'].map((name) => `source ${bin}/${name}.fish`);
  const { stdout, stderr } = await run(
    'fish',
    ['--no-config', '-c', [...sources, ...script].join('\n')],
    { cwd, env: { ...inPath(bin), HOME: bin } },
  );
  const blocks = stdout.split('\n\n');
  for (const [index, [row, completed]] of ROWS.entries())
    t.equal(
      blocks[index]?.split('\t')[0]?.trim().replace(/\/$/, ''),
      completed,
      `${row}\n${stderr}`,
    );
});
