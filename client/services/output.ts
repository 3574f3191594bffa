/** All that is kept of what a check or a service said. */
const OUTPUT_BYTES = 2048;
/** Of that, what a program printed; the rest is for what we say of it. */
const PRINTED_BYTES = 1920;

// Whole sequences like "\e[31m" go, not only their first character.
const ESCAPES = /\u001b(?:\[[0-?]*[ -/]*[@-~]|\][^\u0007\u001b]*(?:\u0007|\u001b\\)|.)/g;

/** The end of what a program printed, at most 2 kB, as `oneLine` shows it. */
export function shownOutput(...streams: readonly Uint8Array[]): string {
  const ended = streams.flatMap((stream) => [stream, Buffer.from('\n')]);
  const tail = Buffer.concat(ended).subarray(-PRINTED_BYTES);
  // The marks between lines may have made it longer.
  const bytes = Buffer.from(cleaned(tail.toString('utf8'))).subarray(-PRINTED_BYTES);
  return bytes.toString('utf8').replace(/^\ufffd+/, '');
}

/**
 * Text from outside, fit for a log line, a table and JSON: its lines on one (" | " between them), without
 * control characters, at most 2 kB of it.
 */
export function oneLine(text: string): string {
  const bytes = Buffer.from(cleaned(text)).subarray(0, OUTPUT_BYTES);
  return bytes.toString('utf8').replace(/\ufffd+$/, '');
}

function cleaned(text: string): string {
  return text
    .replace(ESCAPES, '')
    .split(/[\r\n]+/)
    .map((line) => line.replace(/[\p{Cc}\p{Cf}\u2028\u2029\ufffd]+/gu, ' ').trim())
    .filter((line) => line !== '')
    .join(' | ');
}
