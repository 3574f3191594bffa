import { relative } from 'node:path';
import type { ProcessResult } from '../../client/effects/effects.ts';
import { EXIT_CODES, printable } from '../../client/format/error.ts';
import { type Output, asQxError, errorRecord } from '../../client/terminal/output.ts';
import { formatBytes } from '../../client/terminal/text.ts';
import type { Generated } from '../release/generate.ts';
import { type Row, rows } from '../release/summary.ts';
import type { DevPlan } from './publish.ts';

/** What the loop says: a line for people, an event for programs. */
export interface Tell {
  watching(wanted: DevPlan, url: string): void;
  missing(names: readonly string[]): void;
  changed(names: readonly string[]): void;
  /** It changed while it was read: nothing was published. */
  unsteady(): void;
  published(result: Generated, sinceSavedMs: number): void;
  /** `next`: what did not happen, and what will. */
  failed(error: unknown, next: string): void;
  applied(result: ProcessResult, version: string, sinceSavedMs: number): void;
  stopping(): void;
  stopped(publications: number): void;
}

export function tellOn(output: Output, cwd: string): Tell {
  return {
    watching: ({ product, channel, components }, url) => {
      const paths = components.map(([name, path]) => ({ component: name, path }));
      const named = components.map(([name, path]) => `${name} (${shown(cwd, path)})`);
      output.event(
        { event: 'watching', product, channel, url, components: paths },
        () => `watching ${named.join(', ')} for ${product}/${channel}, served at ${url}`,
      );
      output.say('for this machine only; Ctrl-C ends it');
    },
    missing: (components) =>
      output.event(
        { event: 'missing', components },
        () => `waiting for ${components.join(', ')}: nothing there yet`,
      ),
    changed: (components) =>
      output.event(
        { event: 'changed', components },
        () => `${components.join(', ')} changed`,
      ),
    unsteady: () =>
      output.event({ event: 'unsteady' }, () => '  changes still: not published'),
    published: (result, ms) =>
      output.event(publishedEvent(result, ms), () => publishedLine(result, ms)),
    failed: (thrown, next) => {
      const error = asQxError(thrown);
      if (output.json) {
        output.event({ event: 'failed', error: errorRecord(error) }, () => '');
        return;
      }
      output.error(error);
      output.say(`  ${next}`);
    },
    applied: (result, version, ms) => {
      const { status } = result;
      const said = printed(result);
      const value = { event: 'applied', status, version, seconds: ms / 1000 };
      output.event({ ...value, takenBack: isTakenBack(status), output: said }, () =>
        [...said.map((line) => `  | ${line}`), `  ${ending(status, ms)}`].join('\n'),
      );
    },
    stopping: () => output.say('stopping; Ctrl-C again does not wait'),
    stopped: (publications) =>
      output.event({ event: 'stopped', publications }, () => 'stopped'),
  };
}

function publishedEvent({ manifest, state, ...more }: Generated, ms: number): object {
  const { product, version } = manifest;
  const components = rows({ manifest, state, ...more });
  return { event: 'published', state, product, version, seconds: ms / 1000, components };
}

function publishedLine(result: Generated, ms: number): string {
  const { manifest, state, path, signatures } = result;
  const release = `${manifest.product} ${manifest.version}`;
  if (state === 'unchanged') return `  ${release} has the same contents`;
  if (state === 'pending')
    return `  ${release} waits for signatures (${signatures}): ${path}`;
  const fresh = rows(result).filter((row) => row.state === 'new');
  const what = fresh.length === 0 ? 'no new content' : fresh.map(rowText).join(', ');
  return `  ${release} published: ${what}; ${seconds(ms)} after the save`;
}

function rowText({ name, size, download }: Row): string {
  return `${name} ${formatBytes(size)} (${formatBytes(download)} to download)`;
}

/** What the client said, line by line, fit for a terminal. */
function printed({ stdout, stderr }: ProcessResult): string[] {
  const lines = `${stderr.toString('utf8')}${stdout.toString('utf8')}`.split('\n');
  return lines.filter((line) => line.trim() !== '').map((line) => printable(line, 400));
}

function isTakenBack(status: number | null): boolean {
  return status === EXIT_CODES['apply-failed'];
}

function ending(status: number | null, ms: number): string {
  if (status === 0) return `on the host ${seconds(ms)} after the save`;
  if (isTakenBack(status)) return 'the host took it back and runs what it had before';
  return `the host did not take it (qx-update ended with ${status ?? 'a signal'})`;
}

function seconds(ms: number): string {
  return `${(ms / 1000).toFixed(1)} s`;
}

function shown(cwd: string, path: string): string {
  const short = relative(cwd, path);
  return short.startsWith('..') || short === '' ? path : short;
}
