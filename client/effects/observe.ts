import type { Effects } from './effects.ts';

/** One effect that is about to happen: its number in the run, its name ("files.rename"), its arguments. */
export interface EffectCall {
  index: number;
  name: string;
  args: readonly unknown[];
}

/**
 * The same effects, each announced to `before` first. What `before` throws happens instead of the effect:
 * an Error with `code` "EIO" for a failing disk, an error that nobody catches for a run that is cut off there.
 * Open files and locks are announced as well ("files.open.write").
 */
export function observe(effects: Effects, before: (call: EffectCall) => void): Effects {
  let index = 0;
  const announce = (name: string, args: readonly unknown[]): void => {
    index += 1;
    before({ index, name, args });
  };
  const entries = Object.entries(effects) as [string, object][];
  return Object.fromEntries(
    entries.map(([name, home]) => [name, wrap(home, name, announce)]),
  ) as unknown as Effects;
}

type Method = (...args: unknown[]) => unknown;

function wrap<T extends object>(
  target: T,
  name: string,
  announce: (name: string, args: readonly unknown[]) => void,
): T {
  return new Proxy(target, {
    get(object, key): unknown {
      const member: unknown = Reflect.get(object, key);
      if (typeof member !== 'function' || typeof key === 'symbol') return member;
      return (...args: unknown[]): unknown => {
        announce(`${name}.${key}`, args);
        return wrapHandle(
          (member as Method).apply(object, args),
          `${name}.${key}`,
          announce,
        );
      };
    },
  });
}

/** What open() and lock() give is watched too; a reply's body is data and stays as it is. */
function wrapHandle(
  result: unknown,
  name: string,
  announce: (name: string, args: readonly unknown[]) => void,
): unknown {
  if (!(result instanceof Promise) || !/\.(open|lock)$/.test(name)) return result;
  return result.then((handle: unknown) =>
    typeof handle === 'object' && handle !== null ? wrap(handle, name, announce) : handle,
  );
}
