import fs from 'node:fs';
import path from 'node:path';
import type { Host } from './sandbox.ts';

/** Hooks of a test host: small scripts in its hooks.d, and one line of a ledger for each that ran. */
export interface Hooks {
  /** Puts a hook there which notes that it ran and then does what `body` says. */
  put: (phase: string, name: string, body?: string, mode?: number) => string;
  remove: (phase: string, name: string) => void;
  /** "pre-install/10-first", in the order in which they ran, and nothing of it any more at the next call. */
  ran: () => string[];
  /** hooks.d itself. */
  folder: string;
}

export function makeHooks(host: Pick<Host, 'path'>, under = '/quantix'): Hooks {
  const folder = host.path(`${under}/update/hooks.d`);
  const ledger = host.path('/ledger');
  const file = (phase: string, name: string): string => path.join(folder, phase, name);
  return {
    folder,
    put: (phase, name, body = '', mode = 0o755) => {
      const at = file(phase, name);
      fs.mkdirSync(path.dirname(at), { recursive: true });
      fs.rmSync(at, { force: true });
      fs.writeFileSync(
        at,
        `#!/bin/sh\necho ${phase}/${name} >> "$QX_ROOT/ledger"\n${body}\n`,
      );
      fs.chmodSync(at, mode);
      return at;
    },
    remove: (phase, name) => fs.rmSync(file(phase, name)),
    ran: () => {
      if (!fs.existsSync(ledger)) return [];
      const lines = fs.readFileSync(ledger, 'utf8').trimEnd().split('\n');
      fs.rmSync(ledger);
      return lines;
    },
  };
}
