import { dirname } from 'node:path';
import type { Config } from '../config/config.ts';
import { readIfThere, writeDurably } from '../effects/durable.ts';
import type { Files } from '../effects/effects.ts';
import { QxError } from '../format/error.ts';
import { fingerprintText, parseFingerprint } from '../format/fingerprint.ts';
import { LIMITS } from '../format/limits.ts';
import { parseRoot, type Root } from '../format/root.ts';
import { unlessBroken } from '../install/generations.ts';
import { underPin } from '../policy/memory.ts';
import { leavesChain, type RootFile } from '../policy/pin.ts';
import { sha256Hex } from '../reader/signatures.ts';
import { lockedIn } from '../session.ts';
import { readState, writeState } from '../state/state-store.ts';
import { forgetRoots, readPin, readStoredRoot } from '../state/trust-store.ts';
import type { Flags } from '../terminal/command-line.ts';
import { describeTrust, rootLines, trustText, trustValue } from '../trust.ts';
import { type Command, type CommandResult, type Context, placed } from './command.ts';

export const show: Command = {
  name: 'trust show',
  describe: 'Whom this host believes: fingerprints, keys, roles, floors; asks no network',
  examples: ['trust show', 'trust show --json'],
  next: ['trust add', 'doctor'],
  run: async (context) => {
    const trust = await describeTrust(context.fx.files, await context.config());
    return { value: trustValue(trust), text: trustText(trust) };
  },
};

export const add: Command = {
  name: 'trust add',
  args: '<file>',
  describe: 'Pin the trust root in a file whose fingerprint the publisher has told you',
  options: [
    {
      flag: 'fingerprint HEX',
      describe: "SHA-256 of the file, from the publisher's own mouth",
    },
    { flag: 'replace', describe: 'Begin anew with it, whatever was pinned before' },
    { flag: 'dry-run', describe: 'Check all of it, and pin nothing' },
  ],
  examples: ['trust add root.json --fingerprint "6DD1 0C4A …"', 'trust add root.json'],
  next: ['trust show', 'check'],
  run: async (context, [file = ''], flags) => {
    refuseUrl(file);
    const given = fingerprintOf(flags);
    const config = await context.config();
    const from = placed(context, file);
    const next = await readRootFile(context, from);
    await compare(context, next, given, from);
    return lockedIn(context.fx, config.stateDir, () =>
      pin(context, config, next, {
        replace: flags.is('replace'),
        dry: flags.is('dry-run'),
      }),
    );
  },
};

function refuseUrl(file: string): void {
  if (!/^[a-z][a-z0-9+.-]*:/i.test(file)) return;
  throw new QxError('usage', 'a trust root is not taken from a URL', {
    expected: 'a file',
    found: file,
    hint: 'what comes over the network is what the root has to vouch for: bring the file in another way',
  });
}

function fingerprintOf(flags: Flags): string | undefined {
  const text = flags.text('fingerprint');
  if (text === undefined) return undefined;
  const sha256 = parseFingerprint(text);
  if (sha256 !== null) return sha256;
  throw new QxError('usage', '--fingerprint is none', {
    expected: 'a SHA-256: 64 hexadecimal digits, in groups or not',
    found: text,
  });
}

async function readRootFile({ fx, root }: Context, path: string): Promise<RootFile> {
  const bytes = await readIfThere(fx.files, path, LIMITS.rootBytes);
  if (bytes === null) {
    const hint =
      root === '/'
        ? 'the publisher hands over the file: public/root/1.json of the workspace'
        : 'with --root a path that begins with "/" lies below that folder, any other in the current one';
    throw new QxError('config', 'no such file', { where: path, hint });
  }
  return { root: parseRoot(bytes, path), bytes };
}

/** By the fingerprint that was given, else by the eyes of who sits at the terminal. */
async function compare(
  context: Context,
  next: RootFile,
  given: string | undefined,
  where: string,
): Promise<void> {
  const found = sha256Hex(next.bytes);
  if (given === found) return;
  if (given !== undefined) {
    throw new QxError('digest', 'the file is not the root that the fingerprint is of', {
      where,
      expected: fingerprintText(given),
      found: fingerprintText(found),
      hint: 'ask the publisher again, in another way than the file came',
    });
  }
  for (const line of rootLines(next)) context.out.say(line);
  const answer = context.out.json
    ? null
    : await context.ask('is this the fingerprint that the publisher told you? (yes/no) ');
  if (answer?.trim().toLowerCase() === 'yes') return;
  throw new QxError(
    'usage',
    answer === null ? 'nobody can be asked about the fingerprint' : 'not confirmed',
    {
      where,
      expected: answer === null ? '--fingerprint HEX' : 'yes',
      found: fingerprintText(found),
      hint: 'nothing was changed; "qx-repo root show" tells it to the publisher',
    },
  );
}

async function pin(
  { fx: { files } }: Context,
  config: Config,
  next: RootFile,
  { replace, dry }: { replace: boolean; dry: boolean },
): Promise<CommandResult> {
  const { repository, version } = next.root;
  const { stateDir, trustRoot } = config;
  const pinned = await readPin(files, trustRoot, {
    broken: replace ? 'as none' : 'throw',
  });
  const fingerprint = fingerprintText(sha256Hex(next.bytes));
  const value = { repository, version, file: trustRoot, fingerprint };
  if (pinned?.bytes.equals(next.bytes) === true)
    return {
      value: { ...value, pinned: false },
      text: `root ${version} of ${repository} is pinned already`,
    };
  const sameVersion =
    pinned?.root.repository === repository && pinned.root.version === version
      ? pinned.bytes
      : await readStoredRoot(files, stateDir, repository, version);
  const trouble = leavesChain(next, { pinned, sameVersion }, trustRoot);
  if (trouble !== null && !replace) throw trouble;
  if (!dry) {
    // First what was walked to: a crash in between leaves the old root, from which the host walks again.
    if (trouble !== null) {
      await forgetRoots(files, stateDir, repository);
      await forgetLearned(files, stateDir, next.root);
    }
    await files.makeDirectory(dirname(trustRoot), 0o755);
    await writeDurably(files, trustRoot, next.bytes);
  }
  const did = dry ? 'would be pinned' : 'is pinned';
  return {
    value: { ...value, pinned: !dry },
    text: `root ${version} of ${repository} ${did} in ${trustRoot}`,
  };
}

/** What was learned under roots that count no more; a state that cannot be read has nothing to forget. */
async function forgetLearned(files: Files, stateDir: string, root: Root): Promise<void> {
  const state = await unlessBroken(readState(files, stateDir));
  const memory = state?.repositories[root.repository];
  if (state === null || memory === undefined) return;
  const repositories = {
    ...state.repositories,
    [root.repository]: underPin(memory, root),
  };
  await writeState(files, stateDir, { ...state, repositories });
}
