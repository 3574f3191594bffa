import type { ServedReply } from '../effects/effects.ts';
import type { Style } from './settings.ts';

/** Whatever is told of this host is told now; nothing of it is a page. */
export const COMMON_HEADERS = {
  'cache-control': 'no-store',
  'x-content-type-options': 'nosniff',
} as const;

export function json(status: number, value: object): ServedReply {
  const body = `${JSON.stringify(value)}\n`;
  return {
    status,
    headers: {
      ...COMMON_HEADERS,
      'content-type': 'application/json',
      'content-length': String(Buffer.byteLength(body)),
    },
    body,
  };
}

export interface Problem {
  status: number;
  /** A word for programs: "update_in_progress". */
  code: string;
  message: string;
  headers?: Record<string, string>;
  /** More fields of the answer. */
  more?: object;
}

/** The host's UI shows `message`, the vDC's dashboard `error`. */
export function problem(style: Style, found: Problem): ServedReply {
  const { status, code, message, headers = {}, more = {} } = found;
  const names = style === 'vdc' ? { error: message, code } : { error: code, message };
  const reply = json(status, { ...more, ...names });
  return { ...reply, headers: { ...reply.headers, ...headers } };
}
