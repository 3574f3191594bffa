import type { Generation, GenerationEntry } from '../install/generations.ts';

/** Services of the updater itself: restarted last, because that may end this very run. */
const OWN_SERVICES: readonly string[] = ['quantix-update', 'qx-update'];

/**
 * The services that have to see a switch: of every component whose content is another than before, or that is
 * only on one side, as either side names it. What the appliance came with names none. In the order of their
 * restarts, each once.
 */
export function servicesToSwitch(from: Generation | null, to: Generation): string[] {
  const before = new Map(from?.entries.map((entry) => [entry.name, entry]));
  const after = new Map(to.entries.map((entry) => [entry.name, entry]));
  const changed = [...new Set([...before.keys(), ...after.keys()])]
    .filter((name) => before.get(name)?.target !== after.get(name)?.target)
    .flatMap((name) => [after.get(name), before.get(name)])
    .filter((entry) => entry !== undefined);
  const services = inOrder(changed).map((entry) => entry.restart_service);
  return [...new Set(services.filter((service) => service !== undefined))];
}

/** Declared order, then by name; our own services last. */
export function inOrder(entries: readonly GenerationEntry[]): GenerationEntry[] {
  const rank = (entry: GenerationEntry): number =>
    OWN_SERVICES.includes(entry.restart_service ?? '') ? Infinity : (entry.order ?? 0);
  return [...entries].sort((a, b) => rank(a) - rank(b) || (a.name < b.name ? -1 : 1));
}
