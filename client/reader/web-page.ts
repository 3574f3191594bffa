import { QxError, printable } from '../format/error.ts';

/** Enough of a reply to tell a page from a file of the tree. */
export const SAMPLE_BYTES = 512;

const PAGE_START = /^<(?:!doctype\s+html|!--|html|head|body|title|meta|script)\b/i;

/**
 * Is this an HTML page rather than a file of the tree? A text/html label alone proves nothing: some hosts put it
 * on every file without an extension. Never throws.
 */
export function looksLikeWebPage(
  bytes: Uint8Array,
  contentType: string | undefined,
): boolean {
  const text = sample(bytes).trimStart();
  const labelled = /^\s*(?:text\/html|application\/xhtml\+xml)\b/i.test(
    contentType ?? '',
  );
  return PAGE_START.test(text) || (labelled && (text === '' || text.startsWith('<')));
}

/** Paths at which the tree itself holds a page. */
export function mayBeWebPage(path: string): boolean {
  return path === '' || path.endsWith('/') || path.endsWith('.html');
}

export function webPageError(where: string, bytes: Uint8Array): QxError {
  return new QxError(
    'network',
    'this host answers 200 for missing files, or something between shows a page of its own',
    {
      where,
      expected: 'a file of the tree, or status 404',
      found: `a web page: ${printable(sample(bytes).trim(), 60)}`,
      hint: 'open the URL in a browser; a static host must answer 404 for files it does not have',
    },
  );
}

function sample(bytes: Uint8Array): string {
  return Buffer.from(bytes.subarray(0, SAMPLE_BYTES))
    .toString('utf8')
    .replace(/^\ufeff/, '');
}
