const CANONICAL = /^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$/;

/**
 * Exactly `length` bytes from their one base64 spelling; null for anything else.
 * Buffer.from skips characters that it does not know and takes stray bits in the last one,
 * so the text is matched first and encoded again afterwards.
 */
export function decodeBase64(text: string, length: number): Buffer | null {
  if (!CANONICAL.test(text)) return null;
  const bytes = Buffer.from(text, 'base64');
  return bytes.length === length && bytes.toString('base64') === text ? bytes : null;
}
