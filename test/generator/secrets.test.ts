import crypto from 'node:crypto';
import fs from 'node:fs';
import path from 'node:path';
import t from 'tap';
import { encodePublicKeyFile } from '../../client/format/minisign/public-key.ts';
import { LEAST_SCRYPT } from '../../client/format/minisign/scrypt.ts';
import {
  type SecretKey,
  encodeSecretKeyFile,
  makeSecretKey,
} from '../../client/format/minisign/secret-key.ts';
import {
  type Marks,
  executed,
  leaksBelow,
  leaksIn,
  marksOf,
  marksOfText,
} from '../support/leaks.ts';
import { needs } from '../support/needs.ts';
import { programPath, qxRepo } from '../support/process.ts';
import { write } from './support.ts';

/**
 * Real runs that end in every way, with keys and a password that are recognised wherever they turn up: printed, in a
 * file, in the arguments or the environment of a program that was started, in what Node writes of a crash.
 */

const PASSWORD = 'marked Pa55word 4f1c';
const NAMES = ['root', 'release', 'channel'];

/** Key files that badRuns are given. */
const GIVEN = ['broken.key', 'short.key', 'loose.key'];

interface World {
  dir: string;
  workspace: string;
  /** Texts of the key files, by name. */
  keys: Record<string, string>;
  marks: Marks;
}

function makeWorld(dir: string): World {
  const workspace = path.join(dir, 'w');
  const keys: World['keys'] = {};
  const marks = marksOf('password', Buffer.from(PASSWORD));
  for (const name of NAMES) {
    const key = makeSecretKey(crypto.randomBytes(8), crypto.randomBytes(32));
    const text = protectedFile(key);
    write(path.join(workspace, `keys/${name}.key`), text, 0o600);
    write(path.join(workspace, `keys/${name}.pub`), encodePublicKeyFile(key.publicKey));
    keys[name] = text;
    marks.push(...marksOf(`seed of ${name}`, key.seed));
    marks.push(...marksOfText(`file of ${name}`, lineOf(text)));
  }
  for (const folder of ['home', 'tmp', 'reports']) fs.mkdirSync(path.join(dir, folder));
  write(path.join(dir, 'program'), '#!/bin/sh\n', 0o755);
  write(path.join(dir, 'crash.mjs'), CRASH);
  return { dir, workspace, keys, marks };
}

function protectedFile(key: SecretKey): string {
  const [password, salt] = [Buffer.from(PASSWORD), crypto.randomBytes(32)];
  return encodeSecretKeyFile(key, { password, salt, scrypt: LEAST_SCRYPT }).toString();
}

function lineOf(text: string): string {
  return text.split('\n')[1] ?? '';
}

/** Goes wrong in the middle of a signature: as a defect that is caught, or as one that nobody catches. */
const CRASH = `
import crypto from 'node:crypto';
import { syncBuiltinESMExports } from 'node:module';
const real = crypto.sign;
crypto.sign = (...args) => {
  if (process.env.CRASH === 'caught') throw new Error('crashed while it signed');
  process.nextTick(() => { throw new Error('crashed while it signed'); });
  return real(...args);
};
syncBuiltinESMExports();
`;

interface Run {
  what: string;
  args: string[];
  env?: Record<string, string>;
  input?: string;
  status: number;
  says?: RegExp;
}

const RELEASE = ['generate', '--product', 'quantix-os', '--channel', 'dev'];
const PROMOTE = ['promote', 'quantix-os', 'dev'];
const BY_ENVIRONMENT = { QX_REPO_SECRET_KEY_PASSWORD: PASSWORD };

function goodRuns({ dir, keys }: World): Run[] {
  const component = ['--component', `qx-node=${dir}/program`];
  const [first, second] = [component, [...component, '--verbose', '--json']];
  const texts = `\n${keys.release}${keys.channel}`;
  const [env, input] = [BY_ENVIRONMENT, `${PASSWORD}\n`];
  return [
    { what: 'root 1', args: ['init', '.', '--repository', 'test', '--no-keys'], env, status: 0 },
    { what: 'a release', args: [...RELEASE, '--version', '1.0.0', ...first], env, status: 0 },
    { what: 'a release in JSON', args: [...RELEASE, '--bump', ...second], env, status: 0 },
    { what: 'standard input', args: [...PROMOTE, 'a', '--password-stdin'], input, status: 0 },
    { what: 'key texts', args: [...PROMOTE, 'b'], env: { ...env, QX_REPO_SECRET_KEY: texts }, status: 0 },
    { what: 'a key that is new', args: ['keygen', 'new', '--no-password'], env, status: 0 },
  ]; // prettier-ignore
}

function badRuns({ dir, keys }: World): Run[] {
  const channel = keys.channel ?? '';
  const line = lineOf(channel);
  const wrong = { QX_REPO_SECRET_KEY_PASSWORD: `${PASSWORD}!` };
  const by = (text: string) => ({ ...BY_ENVIRONMENT, QX_REPO_SECRET_KEY: text });
  const [broken, short, loose] = GIVEN.map((name) => `${dir}/${name}`) as [
    string,
    string,
    string,
  ];
  write(broken, channel.replace(line.slice(-9), 'AAAAAAAA='), 0o600);
  write(short, channel.slice(0, -20), 0o600);
  write(loose, channel, 0o644);
  fs.mkdirSync(`${dir}/folder.key`);
  // Taken for a path, it would be one that is too long, and shown as such.
  const bare = `${line}${lineOf(keys.release ?? '')}`.replaceAll('/', '+');
  const env = BY_ENVIRONMENT;
  const args = [...PROMOTE, 'never', '--verbose'];
  const crash = (how: string) => ({
    ...env,
    CRASH: how,
    NODE_OPTIONS: `--import=${dir}/crash.mjs --report-uncaught-exception --report-directory=${dir}/reports`,
  });
  return [
    { what: 'a wrong password', args, env: wrong, status: 78, says: /does not fit/ },
    { what: 'a wrong password in JSON', args: [...args, '--json'], env: wrong, status: 78 },
    { what: 'a password twice', args: [...args, '--password-stdin'], input: `${PASSWORD}\n${PASSWORD}\n`, status: 78 },
    { what: 'no password', args, status: 78, says: /nobody can be asked/ },
    { what: 'a broken key', args: [...args, '--key', broken], env, status: 78 },
    { what: 'a key cut short', args: [...args, '--key', short], env, status: 23, says: /not a minisign secret key/ },
    { what: 'a key cut short in the environment', args, env: by(channel.slice(0, -20)), status: 23 },
    { what: 'a key with other line ends', args, env: by(channel.replaceAll('\n', '\r')), status: 23 },
    { what: 'keys without their first lines', args, env: by(bare), status: 78 },
    { what: 'a key on one line', args, env: by(channel.replace('\n', ' ')), status: 23 },
    { what: 'a key that is no file', args: [...args, '--key', `${dir}/folder.key`], env, status: 31 },
    { what: 'a key that is open to all', args: [...args, '--key', loose], env, status: 78, says: /chmod 600/ },
    { what: 'a defect', args, env: crash('caught'), status: 1, says: /crashed while it signed/ },
    { what: 'a crash', args, env: crash('loose'), status: 1, says: /crashed while it signed/ },
  ]; // prettier-ignore
}

t.test('no secret gets out, however a run ends', async (t) => {
  const world = makeWorld(t.testdir());
  const { dir, workspace, marks } = world;
  const places = { HOME: `${dir}/home`, TMPDIR: `${dir}/tmp` };
  for (const each of [...goodRuns(world), ...badRuns(world)]) {
    const { what, args, env, input = '', status, says = /^/ } = each;
    const options = { cwd: workspace, env: { ...places, ...env }, input };
    const { stdout, stderr, ...ended } = await qxRepo(args, options);
    t.equal(ended.status, status, `${what}\n${stdout}${stderr}`);
    t.match(stderr, says, what);
    t.strictSame(leaksIn(marks, stdout + stderr), [], what);
  }
  t.equal(fs.readdirSync(`${dir}/reports`).length, 1, 'Node reported the crash');
  const passed = NAMES.map((name) => `w/keys/${name}.key`);
  t.strictSame(leaksBelow(marks, dir, [...passed, ...GIVEN]), []);
  t.equal(leaksBelow(marks, dir, []).length, passed.length + GIVEN.length);
});

t.test('what is started on the way is told no secret', needs('strace'), async (t) => {
  const world = makeWorld(t.testdir());
  const { dir, workspace, marks } = world;
  for (const { what, args, env, input = '' } of goodRuns(world)) {
    const words = [process.execPath, programPath('qx-repo'), ...args];
    const options = { cwd: workspace, env: { ...env }, input };
    const { finished, own, children } = await executed(words, `${dir}/log`, options);
    t.equal(finished.status, 0, finished.stderr);
    t.strictSame(leaksIn(marks, own), [], `arguments for ${what}`);
    t.match(own, args[0]);
    t.strictSame(leaksIn(marks, children.join('\n')), [], what);
    if (args[0] !== 'keygen') t.match(children.join('\n'), /flock/);
  }
});

t.test('a key on the command line is refused, and is not shown again', async (t) => {
  const world = makeWorld(t.testdir());
  const { workspace, keys, marks } = world;
  const options = { cwd: workspace, env: BY_ENVIRONMENT };
  for (const { args } of goodRuns(world).slice(0, 2)) await qxRepo(args, options);
  for (const key of [keys.channel ?? '', lineOf(keys.channel ?? '')]) {
    const { status, stderr } = await qxRepo([...PROMOTE, 'never', '--key', key], options);
    t.equal(status, 2, stderr);
    t.match(stderr, /process list/);
    t.strictSame(leaksIn(marks, stderr), []);
  }
});
