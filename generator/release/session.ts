import type { Context } from '../context.ts';
import type { Flags } from '../../client/terminal/command-line.ts';
import { withoutSecrets } from '../keys/environment.ts';
import { type KeyRing, keyRing } from '../keys/key-ring.ts';
import { type Passwords, passwords } from '../keys/passwords.ts';
import { type ReleaseIndex, loadReleases } from '../tree/releases.ts';
import { currentRoot, refuseExpiredRoot } from '../tree/roots.ts';
import type { Root } from '../../client/format/root.ts';
import type { Workspace } from '../workspace/workspace.ts';
import { issuedTime, releaseTime } from './times.ts';

/** What a command that publishes works with. */
export interface Session {
  workspace: Workspace;
  root: Root;
  /** Releases of the tree; grows as this run publishes. */
  index: ReleaseIndex;
  keys: KeyRing;
  nowMs: number;
  /** `issued` of the pointers of this run. */
  issued: string;
  /** `release_date` of the manifests of this run. */
  released: string;
  /** Days that a new pointer lives. */
  pointerDays: number;
  /** `--first`: a channel or product may be numbered from 1 though nothing is known of it. */
  first: boolean;
  say: (line: string) => void;
}

/** The options that openKeyRing reads. */
export const KEY_OPTIONS = [
  {
    flag: 'key FILE',
    describe: 'Secret key to sign with (repeatable; also QX_REPO_SECRET_KEY)',
  },
  {
    flag: 'password-stdin',
    describe: 'Read the password of the keys from standard input',
  },
] as const;

/** The options that openSession reads. */
export const SIGN_OPTIONS = [
  ...KEY_OPTIONS,
  {
    flag: 'issued TIME',
    describe: 'Date of the pointer instead of the clock (2026-01-31T12:00:00Z)',
  },
  {
    flag: 'expires-days N',
    describe: 'Life of the pointer (90, or pointer_days in quantix-repo.toml)',
  },
  {
    flag: 'first',
    describe: 'Number from 1 though nothing is known of this channel or product',
  },
] as const;

/** Reads the tree's root and releases; `keys` that are open already are not opened again. QxError `stale` under an expired root. */
export async function openSession(
  context: Context,
  flags: Flags,
  workspace: Workspace,
  keys: KeyRing = openKeyRing(context, flags, workspace),
): Promise<Session> {
  const { config, tree } = workspace;
  const nowMs = context.effects.clock.now();
  const root = await currentRoot(tree, config.repository);
  refuseExpiredRoot(root, nowMs);
  return {
    workspace,
    root,
    index: await loadReleases(tree, root),
    keys,
    nowMs,
    issued: issuedTime(flags.text('issued'), nowMs),
    released: releaseTime(context.env.SOURCE_DATE_EPOCH, nowMs),
    pointerDays: flags.whole('expires-days', config.pointer_days, 1),
    first: flags.is('first'),
    say: (line) => {
      context.output.say(line);
    },
  };
}

export function openKeyRing(
  context: Context,
  flags: Flags,
  workspace: Pick<Workspace, 'config' | 'paths'>,
): KeyRing {
  const sources = {
    files: flags.list('key'),
    environment: context.env.QX_REPO_SECRET_KEY,
    cwd: context.cwd,
    folder: workspace.paths.keys,
  };
  const { files, processes } = context.effects;
  const place = {
    processes,
    folder: workspace.paths.root,
    env: withoutSecrets(context.env),
    say: (line: string) => context.output.say(line),
  };
  const passwords = openPasswords(context, flags);
  return keyRing(files, workspace.config, sources, passwords, place);
}

export function openPasswords(context: Context, flags: Flags): Passwords {
  return passwords({
    fromEnvironment: context.env.QX_REPO_SECRET_KEY_PASSWORD,
    fromStandardInput: flags.is('password-stdin'),
    input: context.input,
  });
}
