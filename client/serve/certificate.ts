import { createPrivateKey, X509Certificate } from 'node:crypto';
import { hostname } from 'node:os';
import type { Config } from '../config/config.ts';
import { refuseForeignHands } from '../config/foreign-hands.ts';
import { readIfThere } from '../effects/durable.ts';
import type { Effects } from '../effects/effects.ts';
import { asQxError } from '../terminal/output.ts';
import { QxError } from '../format/error.ts';
import { serveFolder, type ServeSettings } from './settings.ts';

const BYTES_MAX = 256 * 1024;
const DAYS = 3650;
const OPENSSL_MS = 60_000;
/** One of our own is made anew so long before its end. */
const LEFT_MS = 30 * 86_400_000;

/** PEM. */
export interface Certificate {
  cert: Buffer;
  key: Buffer;
}

/** The configured one, or one of our own. QxError `config` when it cannot be one, or others could change it. */
export async function readCertificate(
  fx: Effects,
  config: Config,
  { certificate }: ServeSettings,
): Promise<Certificate> {
  const folder = serveFolder(config);
  const own = { cert: `${folder}/cert.pem`, key: `${folder}/key.pem` };
  const { cert, key } = certificate ?? own;
  await refuseForeignHands(fx.files, config.root, [cert, key]);
  if (certificate !== null) return checked(await readPair(fx, certificate), certificate);
  const standing = await readPair(fx, own);
  if (isGood(standing, own, fx.clock.now())) return checked(standing, own);
  await make(fx, folder, own);
  return checked(await readPair(fx, own), own);
}

interface Paths {
  cert: string;
  key: string;
}

type Found = { [K in keyof Certificate]: Buffer | null };

async function readPair({ files }: Effects, { cert, key }: Paths): Promise<Found> {
  return {
    cert: await readIfThere(files, cert, BYTES_MAX),
    key: await readIfThere(files, key, BYTES_MAX),
  };
}

function checked({ cert, key }: Found, paths: Paths): Certificate {
  if (cert === null || key === null) {
    throw new QxError('config', 'no such file', { where: cert ? paths.key : paths.cert });
  }
  try {
    if (new X509Certificate(cert).checkPrivateKey(createPrivateKey(key)))
      return { cert, key };
  } catch (cause) {
    throw new QxError('config', 'no certificate, or no key, in PEM', {
      where: `${paths.cert}, ${paths.key}`,
      found: asQxError(cause).found,
      cause,
    });
  }
  throw new QxError('config', 'the key is not the one of the certificate', {
    where: paths.key,
  });
}

function isGood(found: Found, paths: Paths, now: number): boolean {
  try {
    const { cert } = checked(found, paths);
    return Date.parse(new X509Certificate(cert).validTo) - now > LEFT_MS;
  } catch {
    return false;
  }
}

/** No library that this program has makes certificates: the tool of every Linux does. */
async function make(fx: Effects, folder: string, own: Paths): Promise<void> {
  const { files, processes } = fx;
  await files.makeDirectory(folder, 0o700);
  const [cert, key] = [`${own.cert}.new`, `${own.key}.new`];
  for (const path of [cert, key]) await files.remove(path);
  // With its mode before there is a secret in it: openssl writes into the file that it finds.
  await (await files.open(key, 'create', 0o600)).close();
  const name = hostname().replace(/[^\w.-]/g, '-');
  const names = `DNS:localhost,DNS:${name},IP:127.0.0.1,IP:::1`;
  const words =
    `req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -sha256 -days ${DAYS} ` +
    `-subj /CN=${name.slice(0, 64)} -addext subjectAltName=${names} -keyout ${key} -out ${cert}`;
  const trouble = await processes
    .run('openssl', words.split(' '), { timeoutMs: OPENSSL_MS })
    .then(
      ({ status, stderr }) => (status === 0 ? null : stderr.toString('utf8').trim()),
      () => 'openssl is not installed',
    );
  if (trouble !== null) {
    throw new QxError('config', 'a certificate cannot be made', {
      where: folder,
      found: trouble.split('\n').at(-1),
      hint: 'name one as cert and key in [serve], install openssl, or serve a unix socket alone',
    });
  }
  await files.setMode(key, 0o600);
  await files.rename(key, own.key);
  await files.rename(cert, own.cert);
}
