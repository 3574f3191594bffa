import { join } from 'node:path';
import { publicKeyLine } from '../../client/format/minisign/public-key.ts';
import { makeKey } from '../keys/make-key.ts';
import { openPasswords } from '../release/session.ts';
import { workspacePaths } from '../workspace/paths.ts';
import { type Command, workspaceFolder } from './command.ts';

export const PASSWORD_OPTIONS = [
  {
    flag: 'no-password',
    describe: 'Do not protect the secret key (a CI secret store does)',
  },
  { flag: 'password-stdin', describe: 'Read the password from standard input' },
] as const;

export const keygen: Command = {
  name: 'keygen',
  args: '<name>',
  describe: 'Make a key pair in keys/: NAME.key (secret) and NAME.pub, as minisign does',
  options: [...PASSWORD_OPTIONS, { flag: 'dry-run', describe: 'Write nothing' }],
  examples: ['keygen release', 'keygen stable --no-password'],
  next: ['root add-key', 'root rotate'],
  run: async (context, [name = ''], flags) => {
    const folder = workspacePaths(workspaceFolder(context, flags)).keys;
    const files = {
      secretFile: join(folder, `${name}.key`),
      publicFile: join(folder, `${name}.pub`),
    };
    if (flags.is('dry-run')) {
      return {
        value: { dryRun: true, name, ...files },
        text: `would make ${files.secretFile}`,
      };
    }
    const password = flags.is('no-password')
      ? undefined
      : await openPasswords(context, flags).choose(`keys/${name}.key`);
    const { key, secretFile, publicFile } = await makeKey(
      context.effects,
      folder,
      name,
      password,
    );
    const line = publicKeyLine(key.publicKey);
    return {
      value: { name, id: key.id, publicKey: line, secretFile, publicFile },
      text: `${secretFile}  (secret: keep a copy offline)\n${publicFile}\n${key.id}  ${line}`,
    };
  },
};
