declare const QX_BUILD_VERSION: string;
declare const QX_BUILD_TIME_MS: number;

/** Set when the program is bundled; sources that run as they are have neither. */
export const VERSION =
  typeof QX_BUILD_VERSION === 'string' ? QX_BUILD_VERSION : '0.0.0-source';

/** Milliseconds since 1970: the clock of a host cannot be earlier than the build of its client. */
export const BUILD_TIME_MS = typeof QX_BUILD_TIME_MS === 'number' ? QX_BUILD_TIME_MS : 0;
