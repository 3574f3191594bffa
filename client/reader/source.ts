import type { HttpRequest } from '../effects/effects.ts';
import type { Attempt } from './retry.ts';
import type { Pace } from './pace.ts';

/** What an earlier reply of the same path said of itself; sent along so that the host may answer "unchanged". */
export interface Conditional {
  etag?: string;
  lastModified?: string;
}

/** `missing` is 403, 404, or no such file. `unchanged` only comes when `conditional` was given, and verifies nothing. */
export type Fetched =
  | {
      status: 'found';
      bytes: Buffer;
      /** Where the bytes came from after redirects, without credentials and query. */
      url: string;
      etag?: string;
      lastModified?: string;
      contentType?: string;
      /** The clock of whoever answered, milliseconds since 1970; nothing goes by it. */
      servedMs?: number;
    }
  | { status: 'unchanged' }
  | { status: 'missing' };

export interface BodyReply {
  /** Offset of the first byte that comes: `from`, or 0 when the host sends everything again. */
  start: number;
  /** Bytes of the whole file, where the host says so. */
  total: number | undefined;
  /** Throws QxError `network` when it stalls, breaks off or ends early. May be left early. */
  body: AsyncIterable<Uint8Array>;
  /** As in Fetched. */
  url: string;
  /** To be handed to the next stream() of the same path when this one breaks off. */
  etag?: string;
}

export interface GetOptions {
  /** QxError `malformed` as soon as one byte more has come. */
  maxBytes: number;
  conditional?: Conditional | undefined;
  /** Asks caches in between to look again. */
  fresh?: boolean | undefined;
  signal?: AbortSignal | undefined;
}

export interface StreamOptions {
  /** Bytes that are here already. */
  from: number;
  /** Of the reply that those bytes came from: when the file has changed since, everything is sent again. */
  etag?: string | undefined;
  signal?: AbortSignal | undefined;
}

/**
 * One place where the tree lies. Paths are those of the tree ("channels/p/stable.json").
 * QxError `network` when the host cannot be reached or does not answer sensibly, `disk` for a folder that
 * cannot be read. An aborted signal throws its reason.
 */
export interface Source {
  /** For messages: the base URL without credentials and query. */
  readonly base: string;
  /** A small file. Tried again by itself, body included. */
  get(path: string, options: GetOptions): Promise<Fetched>;
  /** A file of any size, from `from` on; null when it is missing. Tried again only until its headers have come. */
  stream(path: string, options: StreamOptions): Promise<BodyReply | null>;
  /**
   * withRetries with what this place is worth: `retries` of its settings, or `least` where that is more. On the
   * network each further try, and what comes after it, goes over a new connection: on the old one an answer too many
   * would be taken for the answer to what is asked next.
   */
  retry<T>(
    signal: AbortSignal | undefined,
    attempt: () => Promise<Attempt<T>>,
    least?: number,
  ): Promise<T>;
}

export interface SourceSettings {
  tls?: HttpRequest['tls'];
  /**
   * Value of the Authorization header for this base, unless its URL has user:password. Leave it out for
   * a base that did not come from the host's own configuration.
   */
  authorization?: string | undefined;
  connectTimeoutMs: number;
  stallTimeoutMs: number;
  /** What holds bytes back where the host limits its bandwidth. */
  pace?: Pace | undefined;
  /** Further tries after the first one. */
  retries: number;
  userAgent: string;
}

/** A file of a source as a message names it. */
export function shownAt({ base }: Pick<Source, 'base'>, path: string): string {
  return `${base.replace(/\/$/, '')}/${path}`;
}
