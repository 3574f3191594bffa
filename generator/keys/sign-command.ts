import { resolve } from 'node:path';
import type { ProcessResult, Processes } from '../../client/effects/effects.ts';
import { QxError, printable } from '../../client/format/error.ts';
import { parsePublicKeyLine } from '../../client/format/minisign/public-key.ts';
import {
  type SignatureBlock,
  parseSignatures,
  verifyBlock,
} from '../../client/format/minisign/signature.ts';
import type { SignerConfig } from '../workspace/config.ts';
import type { Signer } from './signer.ts';

/** Where a signing program runs, and who is told what it says. */
export interface SignPlace {
  processes: Processes;
  /** The workspace: the program runs in it. */
  folder: string;
  /** Without the secrets of this run. */
  env: Readonly<Record<string, string>>;
  say: (line: string) => void;
}

const ERROR_LINES_MAX = 20;

/**
 * A key that a program signs with: a hardware token, another machine. It is given the bytes on standard input and
 * answers with a minisign signature, which counts only when it verifies under the key that quantix-repo.toml names.
 */
export function commandSigner(
  name: string,
  config: SignerConfig,
  place: SignPlace,
): Signer {
  const what = `sign_command of ${name}`;
  const publicKey = parsePublicKeyLine(config.public_key, `public_key of ${name}`);
  return {
    id: publicKey.id,
    publicKey,
    sign: async (bytes, trustedComment) => {
      const answer = await ask(what, config, place, bytes, {
        QX_SIGN_KEY: name,
        QX_SIGN_PUBLIC_KEY: config.public_key,
        QX_SIGN_FILE: fileOf(trustedComment),
        QX_SIGN_TRUSTED_COMMENT: trustedComment,
      });
      const blocks = parseSignatures(answer, what);
      const block = blocks.find((each) => verifyBlock(each, publicKey, bytes));
      if (block !== undefined) return block;
      throw notSigned(what, publicKey.id, blocks);
    },
  };
}

/** What the program printed. QxError `config` when it is not there, fails, or takes too long. */
async function ask(
  what: string,
  { sign_command: [program = '', ...args], timeout_seconds: seconds }: SignerConfig,
  { processes, folder, env, say }: SignPlace,
  input: Uint8Array,
  about: Record<string, string>,
): Promise<Buffer> {
  // A bare name is looked for on the PATH, a path begins at the workspace.
  const path = program.includes('/') ? resolve(folder, program) : program;
  const options = { timeoutMs: seconds * 1000, input, env: { ...env, ...about }, folder };
  const result = await processes.run(path, args, options).catch((cause: unknown) => {
    const found = printable((cause as Error).message);
    throw new QxError('config', `${what}: cannot be started`, {
      where: path,
      found,
      cause,
    });
  });
  const lines = result.stderr
    .toString('utf8')
    .split('\n')
    .filter((line) => line.trim() !== '');
  for (const line of lines.slice(-ERROR_LINES_MAX))
    say(`${what}: ${printable(line, 300)}`);
  if (result.status === 0) return result.stdout;
  throw new QxError('config', `${what}: did not sign`, {
    where: path,
    expected: 'a minisign signature, and exit status 0',
    found: endOf(result, seconds),
  });
}

function endOf({ timedOut, status }: ProcessResult, seconds: number): string {
  if (timedOut) return `no end after ${seconds} s (timeout_seconds)`;
  return status === null ? 'ended by a signal' : `exit status ${status}`;
}

function notSigned(what: string, id: string, blocks: readonly SignatureBlock[]): QxError {
  const others = blocks.map(({ keyId }) => keyId).filter((keyId) => keyId !== id);
  return new QxError('signature', `${what}: its answer does not verify`, {
    expected: `a signature of these bytes by ${id}`,
    found: others.length > 0 ? `by ${others.join(', ')}` : `by ${id}, not of these bytes`,
    hint: 'compare public_key in quantix-repo.toml with the key that the program uses',
  });
}

/** Our trusted comments name the file as minisign's own do. */
function fileOf(trustedComment: string): string {
  return /(?:^|\t)file:([^\t]*)/.exec(trustedComment)?.[1] ?? '';
}
