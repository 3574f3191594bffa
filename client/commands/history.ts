import { shownUrl } from '../effects/shown-url.ts';
import { objectPath } from '../format/tree.ts';
import { readHistory, type HistoryEntry } from '../state/history.ts';
import { formatBytes, formatTable } from '../terminal/text.ts';
import type { Command, CommandResult } from './command.ts';

export const history: Command = {
  name: 'history',
  describe: 'What was installed and what was refused, newest first',
  options: [
    { flag: 'limit N', describe: 'At most so many entries (20)' },
    {
      flag: 'attachments',
      describe: 'What was published beside the releases installed here: SBOM, provenance',
    },
  ],
  examples: ['history', 'history --limit 100 --json', 'history --attachments'],
  next: ['rollback', 'status'],
  run: async (context, _args, flags) => {
    const config = await context.config();
    const limit = flags.whole('limit', 20, 1);
    const all = await readHistory(context.fx.files, config.stateDir);
    const entries = all.slice(-limit).reverse();
    if (flags.is('attachments')) return attachmentsResult(entries, config.mirrors);
    const rows = entries.map((entry) => [
      entry.time,
      entry.event,
      entry.version ?? '',
      describeEntry(entry),
    ]);
    return {
      value: { entries },
      text:
        entries.length === 0
          ? 'nothing has happened yet'
          : formatTable([['time', 'event', 'version', 'what'], ...rows]),
    };
  },
};

function describeEntry(entry: HistoryEntry): string {
  if (entry.event === 'returned')
    return `from ${entry.fromVersion ?? ''}: ${entry.message ?? ''}`;
  if (entry.event === 'written') return entry.message ?? '';
  if (entry.event === 'refused')
    return `${entry.message ?? ''} (${entry.exitCode ?? ''})`;
  const names = (entry.components ?? []).map(({ name, version }) => `${name} ${version}`);
  const from = entry.fromVersion === undefined ? '' : `from ${entry.fromVersion}: `;
  return `${from}${names.join(', ')}`;
}

/** The documents of each release that was installed, where each mirror has them, and what they must hash to. */
function attachmentsResult(
  entries: readonly HistoryEntry[],
  mirrors: readonly string[],
): CommandResult {
  const installed = entries.filter(
    ({ event, attachments = [] }) => event === 'installed' && attachments.length > 0,
  );
  const releases = installed.map(({ time, product, version, attachments = [] }) => ({
    time,
    product,
    version,
    attachments: attachments.map((each) => ({
      ...{ kind: each.kind, mediaType: each.mediaType ?? null },
      ...{ sha256: each.sha256, size: each.size },
      urls: mirrors.map((base) => objectUrl(base, each.sha256)),
    })),
  }));
  const lines = releases.flatMap(({ time, product, version, attachments }) => [
    `${product} ${version}, installed ${time}`,
    ...attachments.flatMap(({ kind, mediaType, sha256, size, urls }) => [
      `  ${kind}  ${mediaType ?? 'of no stated type'}, ${formatBytes(size)}`,
      `    sha256 ${sha256}`,
      ...urls.map((url) => `    ${url}`),
    ]),
  ]);
  const text = lines.join('\n') || 'nothing was published beside what is installed here';
  return { value: { releases }, text };
}

/** As it may be printed: a password or token of the mirror is left out. */
function objectUrl(base: string, sha256: string): string {
  return `${shownUrl(base).replace(/\/*$/, '')}/${objectPath(sha256)}`;
}
