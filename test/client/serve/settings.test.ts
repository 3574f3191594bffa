import t from 'tap';
import { resolveConfig } from '../../../client/config/config.ts';
import type { ServeKeys } from '../../../client/config/schema.ts';
import { openDoors } from '../../../client/serve/doors.ts';
import { serveSettings } from '../../../client/serve/settings.ts';

function settingsOf(serve: ServeKeys, flags: ServeKeys = {}, root = '/') {
  const sources = { root, configFile: undefined, flags: {}, env: {}, machine: 'x86_64' };
  const file = { url: 'https://a', product: 'quantix-os', serve };
  return serveSettings(resolveConfig(sources, '/quantix/update.toml', file), flags);
}

t.test(
  'without a word, only this machine is answered and only its token changes',
  (t) => {
    t.same(settingsOf({}), {
      listen: { host: '127.0.0.1', port: 8443 },
      socket: null,
      certificate: null,
      style: 'host-ui',
      tokenFile: '/data/updates/serve/token',
      access: {
        requireToken: undefined,
        allowedOrigins: [],
        allowedHosts: [],
        legacyApply: false,
      },
    });
    t.end();
  },
);

t.test('flags are stronger than the file, and paths lie below --root', (t) => {
  const file: ServeKeys = { listen: '[::]:443', socket: '/run/a', socket_mode: '0660' };
  t.match(settingsOf(file, { listen: 'none' }, '/sandbox'), {
    listen: null,
    socket: { path: '/sandbox/run/a', mode: 0o660 },
    tokenFile: '/sandbox/data/updates/serve/token',
  });
  t.match(settingsOf(file), { listen: { host: '::', port: 443 } });
  t.end();
});

t.test('what somebody opened is told, and what is closed is not', (t) => {
  const rows: [ServeKeys, RegExp[]][] = [
    [{}, []],
    [{ require_token: true, allowed_hosts: ['a'], socket: '/run/a' }, []],
    [{ listen: '[::1]:1' }, []],
    [{ listen: '0.0.0.0:8443' }, [/other machines.*listen = "0\.0\.0\.0"/]],
    [{ require_token: false }, [/require_token = false/]],
    [{ legacy_apply: true }, [/legacy_apply = true/]],
    [{ allowed_origins: ['https://a'] }, [/pages of https:\/\/a may/]],
    [{ socket: '/run/a', socket_mode: '0660' }, [/socket_mode/]],
  ];
  for (const [keys, lines] of rows) {
    const doors = openDoors(settingsOf(keys));
    t.equal(doors.length, lines.length, JSON.stringify(keys));
    lines.forEach((line, at) => t.match(doors[at], line));
  }
  t.end();
});
