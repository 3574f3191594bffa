/**
 * A SHA-256 as people compare it, aloud or beside a sheet of paper:
 *
 *   fingerprintText("6dd1…") → "6DD1 0C4A …", 16 groups of 4
 */
export function fingerprintText(sha256: string): string {
  return (sha256.toUpperCase().match(/.{4}/g) ?? []).join(' ');
}

/** The SHA-256 that somebody typed, in whatever groups and case; null when it is none. */
export function parseFingerprint(text: string): string | null {
  const digits = text
    .replace(/^\s*sha-?256\s*[:=]/i, '')
    .replace(/[\s:.-]/g, '')
    .toLowerCase();
  return /^[0-9a-f]{64}$/.test(digits) ? digits : null;
}
