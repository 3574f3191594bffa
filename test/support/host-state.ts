import fs from 'node:fs';
import { type ClientState, parseClientState } from '../../client/format/client-state.ts';
import type { Host } from './sandbox.ts';

/** The state files of a host that are there. */
function stateFiles(host: Host): string[] {
  return ['state-0.json', 'state-1.json']
    .map((name) => host.path(`/data/updates/${name}`))
    .filter((file) => fs.existsSync(file));
}

/** The newest state that can be read; null where there is none. */
export function newestState(host: Host): ClientState | null {
  const states = stateFiles(host).flatMap((file) => {
    try {
      return [parseClientState(fs.readFileSync(file))];
    } catch {
      return [];
    }
  });
  return states.sort((a, b) => b.generation - a.generation)[0] ?? null;
}

/** As if this host had looked at the roots of "example" so long ago. */
export function rootsChecked(host: Host, agoMs: number): void {
  const time = new Date(Date.now() - agoMs).toISOString().replace(/\.\d+/, '');
  for (const file of stateFiles(host)) {
    const state = parseClientState(fs.readFileSync(file));
    const { example } = state.repositories;
    if (example !== undefined) example.root_checked = time;
    fs.writeFileSync(file, JSON.stringify(state));
  }
}
