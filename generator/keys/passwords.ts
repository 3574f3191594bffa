import { QxError } from '../../client/format/error.ts';
import type { ConsoleInput } from '../context.ts';

export interface PasswordOptions {
  /** QX_REPO_SECRET_KEY_PASSWORD */
  fromEnvironment?: string | undefined;
  /** --password-stdin */
  fromStandardInput: boolean;
  input: ConsoleInput;
}

/** Gives the password of a key file; asked for once where it is the same for all. */
export interface Passwords {
  /** To open a key. `key` is its name for the question. */
  open(key: string): Promise<Buffer>;
  /** For a new key: asked for twice at a prompt. */
  choose(key: string): Promise<Buffer>;
}

export function passwords(options: PasswordOptions): Passwords {
  let given: Promise<Buffer | null> | undefined;
  const known = (): Promise<Buffer | null> => (given ??= givenPassword(options));
  return {
    open: async (key) =>
      (await known()) ?? (await ask(options.input, `password of ${key}: `)),
    choose: async (key) => (await known()) ?? (await askTwice(options.input, key)),
  };
}

async function givenPassword(options: PasswordOptions): Promise<Buffer | null> {
  if (options.fromStandardInput) {
    const bytes = await options.input.readAll();
    const end = bytes.at(-1) === 0x0a ? (bytes.at(-2) === 0x0d ? -2 : -1) : bytes.length;
    return bytes.subarray(0, end);
  }
  const text = options.fromEnvironment;
  return text === undefined ? null : Buffer.from(text);
}

async function askTwice(input: ConsoleInput, key: string): Promise<Buffer> {
  const first = await ask(input, `new password for ${key}: `);
  const second = await ask(input, `again: `);
  if (first.equals(second)) return first;
  throw new QxError('usage', 'the two passwords are not the same');
}

function ask(input: ConsoleInput, question: string): Promise<Buffer> {
  if (input.isTerminal) return input.askHidden(question);
  throw new QxError('config', 'a password is needed and nobody can be asked', {
    where: question.replace(/: $/, ''),
    hint: 'QX_REPO_SECRET_KEY_PASSWORD, --password-stdin, or a key made with --no-password',
  });
}
