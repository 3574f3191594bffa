/**
 * Work that is done at once and told as a promise all the same. Most calls to the kernel are over before one of
 * Node's threads would have begun with them, and a run that finds nothing new does little else.
 */
export function atOnce<A extends unknown[], T>(
  work: (...args: A) => T,
): (...args: A) => Promise<T> {
  return (...args) => new Promise((resolve) => resolve(work(...args)));
}
