/** So many at once, then so many a second; by caller. */
export interface Rate {
  burst: number;
  perSecond: number;
}

const CALLERS_MAX = 1024;

/** Whether one more is let through. Forgets who was longest away when there are too many to remember. */
export function rateLimit({
  burst,
  perSecond,
}: Rate): (who: string, now: number) => boolean {
  const callers = new Map<string, { left: number; at: number }>();
  return (who, now) => {
    const { left, at } = callers.get(who) ?? { left: burst, at: now };
    const filled = Math.min(burst, left + (Math.max(0, now - at) / 1000) * perSecond);
    const passes = filled >= 1;
    callers.delete(who);
    callers.set(who, { left: passes ? filled - 1 : filled, at: now });
    const oldest = callers.keys().next();
    if (callers.size > CALLERS_MAX && oldest.done !== true) callers.delete(oldest.value);
    return passes;
  };
}
