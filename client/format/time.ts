/** Milliseconds since 1970 as the documents write a time, "2026-01-31T12:00:00Z"; parts of a second are cut off. */
export function formatTime(ms: number): string {
  return `${new Date(ms).toISOString().slice(0, 19)}Z`;
}
