import { QxError, printable } from '../format/error.ts';
import { shownUrl } from './shown-url.ts';

/** What the common causes mean, and what helps. Keys begin the code that Node gives. */
const REASONS: readonly (readonly [RegExp, string, string?])[] = [
  [/^ENOTFOUND|^EAI_/, 'the host name cannot be resolved', 'check the name and the DNS'],
  [/^ECONNREFUSED/, 'the host refuses the connection'],
  [/^EHOSTUNREACH|^ENETUNREACH|^ENETDOWN/, 'the host cannot be reached'],
  [/^ECONNRESET|^EPIPE|PREMATURE_CLOSE/, 'the connection broke off'],
  [
    /^CERT_NOT_YET_VALID|^CERT_HAS_EXPIRED/,
    'the certificate of the host is not valid now',
    'check the clock of this machine and the certificate of the host',
  ],
  [/ALTNAME/, 'the certificate of the host is for another name'],
  [
    /SELF_SIGNED|UNABLE_TO_|ISSUER/,
    'the certificate of the host is not from a known authority',
    'for a private authority, name its certificate in ca_file',
  ],
  [/ALERT.*CERTIFICATE|HANDSHAKE_FAILURE/, 'the host did not accept our TLS certificate'],
  [/^ERR_SSL|^EPROTO/, 'the TLS connection failed', 'is this really an https port?'],
  [/^HPE_|^ERR_HTTP/, 'what came back is not HTTP'],
];

/** The QxError `network` for an error below HTTP. Its cause keeps Node's code and no URL. */
export function networkError(url: string, error: unknown): QxError {
  const code = codeOf(error);
  const text = reasonOf(error);
  const [, message = 'the request failed', hint] =
    REASONS.find(([pattern]) => pattern.test(code)) ?? [];
  return new QxError('network', message, {
    where: shownUrl(url),
    found: printable(text === '' ? code : text),
    hint,
    cause: Object.assign(new Error(text), { code }),
  });
}

export function timeoutError(url: string, message: string, ms: number): QxError {
  return new QxError('network', message, {
    where: shownUrl(url),
    expected: `within ${ms / 1000} s`,
    found: 'nothing',
    cause: Object.assign(new Error(message), { code: 'ETIMEDOUT' }),
  });
}

function codeOf(error: unknown): string {
  const code: unknown = error instanceof Error ? Reflect.get(error, 'code') : undefined;
  return typeof code === 'string' ? code : 'UNKNOWN';
}

/** node-fetch writes "request to URL failed, reason: …"; the URL may hold a token. */
function reasonOf(error: unknown): string {
  const text = error instanceof Error ? error.message : String(error);
  return text.replace(/^request to .* failed, reason: /, '');
}
