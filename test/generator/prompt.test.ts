import crypto from 'node:crypto';
import fs from 'node:fs';
import path from 'node:path';
import t from 'tap';
import { LEAST_SCRYPT } from '../../client/format/minisign/scrypt.ts';
import {
  encodeSecretKeyFile,
  parseSecretKeyFile,
} from '../../client/format/minisign/secret-key.ts';
import { needs } from '../support/needs.ts';
import { programPath } from '../support/process.ts';
import { makeWorkspace, type Workspace } from '../support/sandbox.ts';
import { atTerminal, type Sat, type Turn } from '../support/terminal.ts';
import { smallRelease } from './support.ts';

/** Passwords as people give them: typed at a real terminal, which must not show them. */

const PASSWORD = 'typed pässword';
const ENTER = '\r';
const BACKSPACE = '\x7f';
const CONTROL_C = '\x03';

const made = makeWorkspace(path.join(t.testdir(), 'w'));

const typing = (desk: Workspace, args: string[], turns: Turn[]): Promise<Sat> =>
  atTerminal([programPath('qx-repo'), ...args], turns, { cwd: desk.dir });

/** The key that signs releases, with the password on it; the least work for a machine that is right for a test. */
function protect(desk: Workspace): void {
  const file = path.join(desk.dir, 'keys/release.key');
  const key = parseSecretKeyFile(fs.readFileSync(file));
  const options = { salt: crypto.randomBytes(32), scrypt: LEAST_SCRYPT };
  const password = Buffer.from(PASSWORD);
  fs.writeFileSync(file, encodeSecretKeyFile(key, { password, ...options }));
}

t.test(
  'a new key is locked by a password that is typed twice',
  needs('script'),
  async (t) => {
    const desk = await made;
    const { status, screen } = await typing(
      desk,
      ['keygen', 'typed'],
      [
        [/new password for .*typed.*: $/, `${PASSWORD}${ENTER}`],
        [/again: $/, `${PASSWORD}${ENTER}`],
      ],
    );
    t.equal(status, 0, screen);
    t.notMatch(screen, /pässword/, 'the terminal shows none of it');
    const file = fs.readFileSync(path.join(desk.dir, 'keys/typed.key'));
    t.ok(parseSecretKeyFile(file, Buffer.from(PASSWORD)), 'and it fits');
  },
);

t.test('two passwords that differ make no key', needs('script'), async (t) => {
  const desk = await made;
  const { status, screen } = await typing(
    desk,
    ['keygen', 'other'],
    [
      [/new password/, `one${ENTER}`],
      [/again: $/, `other${ENTER}`],
    ],
  );
  t.equal(status, 2, screen);
  t.match(screen, /the two passwords are not the same/);
  t.notOk(fs.existsSync(path.join(desk.dir, 'keys/other.key')));
});

t.test(
  'a password opens a key, is corrected, does not fit, or is not given',
  needs('script'),
  async (t) => {
    const desk = await made;
    protect(desk);
    const files = smallRelease(path.join(desk.dir, 'build'), 'typed');
    const release = (version: string, typed: string): Promise<Sat> => {
      const words = ['generate', '--version', version, ...files];
      return typing(desk, words, [[/password of .*release.*: $/, typed]]);
    };
    const rows: [why: string, typed: string, status: number, says: RegExp][] = [
      ['another password', `${PASSWORD}!${ENTER}`, 78, /the password does not fit/],
      ['Ctrl-C', `${PASSWORD}${CONTROL_C}`, 2, /no password was given/],
      ['the right one', `${PASSWORD}${ENTER}`, 0, /1\.0\.0/],
    ];
    for (const [why, typed, wanted, says] of rows) {
      const { status, screen } = await release('1.0.0', typed);
      t.equal(status, wanted, `${why}: ${screen}`);
      t.match(screen, says, why);
      t.notMatch(screen, /pässword/, why);
    }
    // A character of two bytes goes as one.
    const corrected = `typed pä${BACKSPACE}${BACKSPACE}pässword${ENTER}`;
    const { status, screen } = await release('1.1.0', corrected);
    t.equal(status, 0, screen);
  },
);
