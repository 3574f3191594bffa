import fs from 'node:fs';
import path from 'node:path';
import { type Finished, run } from './process.ts';

/** The stock program, as people use it. Where it is missing, tests say `needs('minisign')`. */

export interface StockKey {
  secretKey: string;
  publicKey: string;
  password: string | undefined;
}

/** `folder/name.key` and `folder/name.pub`; scrypt-protected when a password is given (seconds, 1 GiB). */
export async function makeStockKey(
  folder: string,
  name: string,
  password?: string,
): Promise<StockKey> {
  fs.mkdirSync(folder, { recursive: true });
  const secretKey = path.join(folder, `${name}.key`);
  const publicKey = path.join(folder, `${name}.pub`);
  const plain = password === undefined ? ['-W'] : [];
  const input = password === undefined ? '' : `${password}\n${password}\n`;
  const made = await run(
    'minisign',
    ['-G', '-f', ...plain, '-s', secretKey, '-p', publicKey],
    { input },
  );
  if (made.status !== 0) throw new Error(`minisign -G: ${made.stderr}`);
  return { secretKey, publicKey, password };
}

export interface StockSignOptions {
  password?: string | undefined;
  trustedComment?: string;
  untrustedComment?: string;
  /** FILE.minisig when not given. */
  signature?: string;
  /** The old kind, `Ed`, that we refuse. */
  legacy?: boolean;
}

/** `minisign -Sm FILE`; throws when it fails. Returns the path of the signature. */
export async function stockSign(
  file: string,
  secretKey: string,
  options: StockSignOptions = {},
): Promise<string> {
  const signature = options.signature ?? `${file}.minisig`;
  const args = ['-S', '-s', secretKey, '-x', signature, '-m', file];
  if (options.trustedComment !== undefined) args.push('-t', options.trustedComment);
  if (options.untrustedComment !== undefined) args.push('-c', options.untrustedComment);
  if (options.legacy === true) args.push('-l');
  const input = options.password === undefined ? '' : `${options.password}\n`;
  const signed = await run('minisign', args, { input });
  if (signed.status !== 0) throw new Error(`minisign -S: ${signed.stderr}`);
  return signature;
}

/** `minisign -V -H`: status 0 when the signature is good. `publicKey` is a .pub file or an "RW…" line. */
export function stockVerify(
  file: string,
  publicKey: string,
  signature?: string,
): Promise<Finished> {
  const key = /^RW[0-9A-Za-z+/=]{54}$/.test(publicKey)
    ? ['-P', publicKey]
    : ['-p', publicKey];
  return run('minisign', [
    '-V',
    '-H',
    ...key,
    '-x',
    signature ?? `${file}.minisig`,
    '-m',
    file,
  ]);
}
