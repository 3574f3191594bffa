import { fileURLToPath } from 'node:url';
import type { Effects } from '../effects/effects.ts';
import { QxError, printable } from '../format/error.ts';
import { fileSource } from './file-source.ts';
import { httpSource } from './http-source.ts';
import type { Source, SourceSettings } from './source.ts';

/** The source for a base URL (http:, https: or file:). QxError `config` for any other. */
export function openSource(
  effects: Effects,
  base: string,
  settings: SourceSettings,
): Source {
  const url = parseBase(base);
  if (url.protocol === 'file:')
    return fileSource(effects, fileBase(url), settings.retries);
  if (url.protocol === 'http:' || url.protocol === 'https:')
    return httpSource(effects, url, settings);
  throw new QxError('config', 'this kind of URL is not read', {
    expected: 'http:, https: or file:',
    found: url.protocol,
  });
}

function parseBase(base: string): URL {
  try {
    return new URL(base);
  } catch (cause) {
    throw new QxError('config', 'not a URL', {
      expected: 'for instance https://updates.example.com or file:///media/usb/public',
      // What stands before an @ may be a password.
      found: printable(base.replace(/^.*@/, '…@')),
      cause,
    });
  }
}

function fileBase(url: URL): string {
  try {
    return fileURLToPath(url);
  } catch (cause) {
    throw new QxError('config', 'this file URL names no folder of this machine', {
      expected: 'file:///folder',
      found: printable(url.href),
      cause,
    });
  }
}
