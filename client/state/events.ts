/** How urgent an event is, as syslog names it. */
export type Severity = 'err' | 'warning' | 'notice' | 'info';

/** Ids of what is logged. People search and alarm by them: one that was released is never renamed. */
export const EVENTS = {
  'api-called': 'notice',
  'config-kept': 'warning',
  'config-reloaded': 'notice',
  'expires-soon': 'warning',
  'health-failed': 'err',
  'health-passed': 'info',
  'hook-ended': 'info',
  'hook-failed': 'warning',
  'interrupted-found': 'warning',
  'medium-old': 'warning',
  'mirror-refused': 'warning',
  'not-now': 'info',
  'notify-failed': 'warning',
  refused: 'err',
  'release-current': 'notice',
  'release-returned': 'err',
  'root-accepted': 'notice',
  'serial-forgotten': 'warning',
  'service-failed': 'err',
  'service-restarted': 'info',
  'system-changed': 'notice',
  'system-given-up': 'err',
  'system-good': 'notice',
  'system-left': 'notice',
  'system-waiting': 'notice',
} as const satisfies Record<string, Severity>;

export type Event = keyof typeof EVENTS;
