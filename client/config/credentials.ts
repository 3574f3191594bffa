import type { Files } from '../effects/effects.ts';
import { QxError } from '../format/error.ts';
import { LIMITS } from '../format/limits.ts';
import type { SourceSettings } from '../reader/source.ts';
import type { Config } from './config.ts';

/** What an Authorization header may hold: one line, visible characters and blanks. */
const HEADER_LINE = /^[\x21-\x7e](?:[\x20-\x7e]*[\x21-\x7e])?$/;
const CERTIFICATE = /^-----BEGIN (?:X509 |TRUSTED )?CERTIFICATE-----/m;

/**
 * The files with which this host shows who it is, and knows a private host. QxError `config` when one cannot be
 * read or cannot be what it is named as: as a network error it would be waited out. No message tells a content.
 */
export async function readCredentials(
  files: Files,
  config: Config,
): Promise<Pick<SourceSettings, 'tls' | 'authorization'>> {
  const { caFile, clientCert, clientKey, authorizationFile } = config;
  if ((clientCert === undefined) !== (clientKey === undefined)) throw halfAPair(config);
  const [ca, certificate, key, authorization] = await Promise.all(
    [caFile, clientCert, clientKey, authorizationFile].map((path) => read(files, path)),
  );
  return {
    tls: {
      ...(ca === undefined ? {} : { ca: pem(ca, caFile) }),
      ...(certificate === undefined ? {} : { certificate }),
      ...(key === undefined ? {} : { key }),
    },
    authorization:
      authorization === undefined
        ? undefined
        : headerOf(authorization, authorizationFile),
  };
}

async function read(files: Files, path: string | undefined): Promise<Buffer | undefined> {
  if (path === undefined) return undefined;
  try {
    return await files.read(path, LIMITS.configurationBytes);
  } catch (cause) {
    throw new QxError('config', 'a file that the configuration names cannot be read', {
      where: path,
      found: cause instanceof Error ? cause.message : String(cause),
      cause,
    });
  }
}

/** OpenSSL passes over what is no certificate, and then trusts nobody. */
function pem(bytes: Buffer, where: string | undefined): Buffer {
  if (CERTIFICATE.test(bytes.toString('latin1'))) return bytes;
  throw new QxError('config', 'ca_file holds no certificate', {
    where,
    expected: 'PEM: "-----BEGIN CERTIFICATE-----"',
    found: `${bytes.length} bytes of something else`,
  });
}

function headerOf(bytes: Buffer, where: string | undefined): string {
  const line = bytes.toString('utf8').trim();
  if (HEADER_LINE.test(line)) return line;
  const lines = line === '' ? 0 : line.split('\n').length;
  throw new QxError('config', 'authorization_file is not an Authorization header', {
    where,
    expected: 'one line like "Bearer …" or "Basic …"',
    found: lines === 1 ? 'characters that no header may hold' : `${lines} lines`,
  });
}

function halfAPair({ file, clientCert }: Config): QxError {
  const [there, missing] =
    clientCert === undefined
      ? ['client_key', 'client_cert']
      : ['client_cert', 'client_key'];
  return new QxError('config', `${there} needs ${missing} beside it`, {
    where: file ?? 'no configuration file was found',
    expected: 'both, or neither',
    found: `${there} alone`,
  });
}
