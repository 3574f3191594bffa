import type { Config } from '../config/config.ts';
import { type ServeSettings, serveSettings } from './settings.ts';

/** What [serve] of this configuration opens. */
export function openedBy(config: Config): string[] {
  // Flags may bring a socket that the file does not name.
  return openDoors(serveSettings(config, { socket: '/' }));
}

/** What somebody opened that is closed by default, one line each: what it means, and the key that did it. */
export function openDoors({ listen, socket, access }: ServeSettings): string[] {
  const { requireToken, legacyApply, allowedOrigins } = access;
  const local = listen === null || /^(?:localhost|127\..*|::1)$/.test(listen.host);
  const doors: [boolean, string][] = [
    [!local, `other machines may ask (listen = "${listen?.host}")`],
    [requireToken === false, 'no change needs the token (require_token = false)'],
    [legacyApply, 'an update may be started without the token (legacy_apply = true)'],
    [
      allowedOrigins.length > 0,
      `pages of ${allowedOrigins.join(', ')} may ask (allowed_origins)`,
    ],
    [
      ((socket?.mode ?? 0) & 0o077) !== 0,
      `others than the owner may open the socket, and change everything (socket_mode)`,
    ],
  ];
  return doors.flatMap(([open, line]) => (open ? [line] : []));
}
