import fs from 'node:fs';
import path from 'node:path';
import t from 'tap';
import { needs } from '../support/needs.ts';
import { makeStockKey, stockVerify } from '../support/minisign.ts';
import { qxRepo as realQxRepo } from '../support/process.ts';
import { snapshot } from '../support/snapshot.ts';
import { newWorkspace, ok, qxRepo, smallRelease, write } from './support.ts';

const NAMES = ['root', 'release', 'channel'];
const CONFIG = 'quantix-repo.toml';

/** What a user would write: stock minisign with a key that qx-repo never sees. */
const SIGN = `#!/bin/sh
set -eu
here=$(mktemp -d)
trap 'rm -rf "$here"' EXIT
cat > "$here/$QX_SIGN_FILE"
minisign -S -s "$1" -m "$here/$QX_SIGN_FILE" -x "$here/answer" -t "$QX_SIGN_TRUSTED_COMMENT" >&2
echo "touch the key of $QX_SIGN_KEY" >&2
cat "$here/answer"
`;

/** A workspace without any key file: each role has a program, which signs with a key in elsewhere/. */
async function remoteWorkspace(dir: string): Promise<string> {
  const workspace = path.join(dir, 'w');
  await ok(dir, ['init', 'w', '--repository', 'test', '--no-keys']);
  write(path.join(workspace, 'scripts/sign.sh'), SIGN, 0o755);
  for (const name of NAMES) {
    const { secretKey, publicKey } = await makeStockKey(`${dir}/elsewhere`, name);
    addSigner(workspace, name, ['scripts/sign.sh', secretKey], publicKey);
  }
  return workspace;
}

function addSigner(
  workspace: string,
  name: string,
  command: string[],
  publicKeyFile: string,
): void {
  const line = fs.readFileSync(publicKeyFile, 'utf8').split('\n')[1];
  const table = `\n[signers.${name}]\nsign_command = ${JSON.stringify(command)}\npublic_key = "${line}"\n`;
  fs.appendFileSync(path.join(workspace, CONFIG), table);
}

t.test('programs sign the root, releases and pointers', needs('minisign'), async (t) => {
  const dir = t.testdir();
  const workspace = await remoteWorkspace(dir);
  await ok(workspace, ['init']);
  t.notOk(fs.existsSync(path.join(workspace, 'keys')), 'no key was made');
  const release = ['generate', '--version', '1.0.0', '--channel', 'dev'];
  const made = await qxRepo(workspace, [...release, ...smallRelease(dir, 'a')]);
  t.equal(made.status, 0, made.stderr);
  t.match(made.stderr, 'sign_command of release: touch the key of release');
  await ok(workspace, ['point', 'quantix-os', 'stable', '1.0.0']);
  await ok(workspace, ['promote', 'quantix-os', 'dev', 'beta']);
  const pointer = path.join(workspace, 'public/channels/quantix-os/beta.json');
  fs.writeFileSync(
    pointer,
    fs.readFileSync(pointer, 'utf8').replace('"serial": 1', '"serial": 2'),
  );
  t.match(await ok(workspace, ['sign']), { pointers: [{ state: 'published' }, {}, {}] });
  t.match(await ok(workspace, ['verify']), { problems: [] });
  const verified = await stockVerify(pointer, `${dir}/elsewhere/channel.pub`);
  t.equal(verified.status, 0, verified.stderr);
  t.match(verified.stdout, /file:beta\.json\thashed\tquantix-os\/beta 1\.0\.0 serial/);
});

t.test(
  'what a program answers counts only when it verifies',
  needs('minisign'),
  async (t) => {
    const dir = t.testdir();
    const workspace = await remoteWorkspace(dir);
    await ok(workspace, ['init']);
    const config = fs.readFileSync(path.join(workspace, CONFIG), 'utf8');
    const before = snapshot(path.join(workspace, 'public'));
    const script = path.join(workspace, 'scripts/sign.sh');
    const other = `${dir}/elsewhere/channel.key`;
    const rows: [what: string, script: string, status: number, says: RegExp][] = [
    ['another key', SIGN.replace('"$1"', other), 20, /does not verify.*by [0-9A-F]{16}\n/s],
    ['other bytes', SIGN.replace('cat >', 'tr 1 2 >'), 20, /by [0-9A-F]{16}, not of these bytes/],
    ['the legacy algorithm', SIGN.replace('-S', '-S -l'), 20, /legacy algorithm/],
    ['nothing', '#!/bin/sh\n', 23, /not a minisign signature/],
    ['no signature', '#!/bin/sh\necho hello\n', 23, /not a minisign signature/],
    ['no end of output', '#!/bin/sh\nhead -c 3000000 /dev/zero\n', 23, /larger than 16384 bytes/],
    ['a failure', '#!/bin/sh\necho "no\x1b[31m token" >&2\nexit 3\n', 78, /no\ufffd\[31m token[^]*exit status 3/],
    ['an end by a signal', '#!/bin/sh\nkill -9 $$\n', 78, /ended by a signal/],
    ['no end', '#!/bin/sh\nexec sleep 60\n', 78, /no end after 1 s/],
  ]; // prettier-ignore
    const release = [
      'generate',
      '--version',
      '1.0.0',
      '--channel',
      'dev',
      ...smallRelease(dir, 'a'),
    ];
    for (const [what, text, status, says] of rows) {
      // Only where time is what is tried may it decide.
      const seconds = what === 'no end' ? 1 : 60;
      fs.writeFileSync(
        path.join(workspace, CONFIG),
        config.replace(
          '[signers.release]\n',
          `[signers.release]\ntimeout_seconds = ${seconds}\n`,
        ),
      );
      write(script, text, 0o755);
      const refused = await qxRepo(workspace, release);
      t.equal(refused.status, status, `${what}\n${refused.stderr}`);
      t.match(refused.stderr, says, what);
      t.match(refused.stderr, /sign_command of release/, what);
      t.strictSame(snapshot(path.join(workspace, 'public')), before, what);
    }
    fs.rmSync(script);
    const missing = await qxRepo(workspace, release);
    t.equal(missing.status, 78);
    t.match(missing.stderr, /cannot be started[^]*scripts\/sign\.sh/);
  },
);

t.test('a program is told no secret of ours', needs('minisign'), async (t) => {
  const dir = t.testdir();
  const workspace = await newWorkspace(path.join(dir, 'w'));
  await ok(workspace, [
    'generate',
    '--version',
    '1.0.0',
    '--channel',
    'dev',
    ...smallRelease(dir, 'a'),
  ]);
  const script = SIGN.replace('set -eu', `set -eu; env > ${dir}/environment`);
  write(path.join(workspace, 'scripts/sign.sh'), script, 0o755);
  const [secret, open] = ['release', 'channel'].map((name) =>
    path.join(workspace, `keys/${name}`),
  ) as [string, string];
  addSigner(workspace, 'channel', ['scripts/sign.sh', `${open}.key`], `${open}.pub`);
  const env = {
    QX_REPO_SECRET_KEY: fs.readFileSync(`${secret}.key`, 'utf8'),
    QX_REPO_SECRET_KEY_PASSWORD: 'marked',
    TOKEN_OF_THE_USER: 'kept',
  };
  const ended = await realQxRepo(['promote', 'quantix-os', 'dev', 'beta'], {
    cwd: workspace,
    env,
  });
  t.equal(ended.status, 0, ended.stderr);
  const told = fs.readFileSync(`${dir}/environment`, 'utf8');
  t.match(told, 'TOKEN_OF_THE_USER=kept');
  t.notMatch(told, /QX_REPO_SECRET_KEY|marked/);
});

t.test('a signer that is not described well is refused with its place', async (t) => {
  const workspace = await newWorkspace(path.join(t.testdir(), 'w'));
  const config = path.join(workspace, CONFIG);
  const text = fs.readFileSync(config, 'utf8');
  for (const lines of [
    'sign_command = "sh"',
    'sign_command = []',
    'public_key = "x"',
    'command = ["x"]',
  ]) {
    fs.writeFileSync(config, `${text}\n[signers.release]\n${lines}\n`);
    const refused = await qxRepo(workspace, ['sign']);
    t.equal(refused.status, 78, lines);
    t.match(refused.stderr, /signers\.release/);
  }
});
