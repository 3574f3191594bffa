import { basename } from 'node:path';

/** Effects that leave a trace. A cut before any other is a cut before the next of these. */
const TRACES = [
  'files.open',
  'files.open.write',
  'files.open.sync',
  'files.makeDirectory',
  'files.rename',
  'files.makeLink',
  'files.remove',
  'files.removeDirectory',
  'files.setMode',
  'files.syncDirectory',
  'processes.run',
];

export function leavesTrace(name: string, args: readonly unknown[]): boolean {
  return TRACES.includes(name) && !(name === 'files.open' && args[1] === 'read');
}

/** The last part of the path that an effect makes or changes. */
export function fileOf(name: string, args: readonly unknown[]): string {
  if (name === 'processes.run') return (args[1] as string[]).join(' ');
  const second = name === 'files.rename' || name === 'files.makeLink';
  const path = args[second ? 1 : 0];
  return typeof path === 'string' ? basename(path) : '';
}
