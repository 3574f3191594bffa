import { QxError } from '../../client/format/error.ts';
import { formatBytes, formatTable } from '../../client/terminal/text.ts';
import { type ComponentChange, type ReleaseDiff, diffReleases } from '../diff/diff.ts';
import { type Release, findRelease, loadReleases } from '../tree/releases.ts';
import { currentRoot } from '../tree/roots.ts';
import { productConfig } from '../workspace/config.ts';
import type { Workspace } from '../workspace/workspace.ts';
import { type Command, readingIn } from './command.ts';

export const diff: Command = {
  name: 'diff',
  args: '<product> <from> <to>',
  describe: 'What changed between two releases by component, and what a host downloads',
  options: [
    { flag: 'arch NAME', describe: 'Architecture, where the releases have several' },
  ],
  examples: ['diff quantix-os 1.4.1 1.4.2', 'diff quantix-os 1.4.1 1.4.2 --json'],
  next: ['promote', 'rollout'],
  run: async (context, [product = '', from = '', to = ''], flags) => {
    const workspace = await readingIn(context, flags);
    const { tree, config } = workspace;
    const root = await currentRoot(tree, config.repository);
    const index = await loadReleases(tree, root);
    const older = await findRelease(tree, root, index, product, from);
    const newer = await findRelease(tree, root, index, product, to);
    const arch = chooseArch(workspace, product, newer, flags.text('arch'));
    const result = diffReleases(
      manifestFor(older, arch, product, from),
      manifestFor(newer, arch, product, to),
    );
    return {
      value: { product, from, to, arch, ...result },
      text: describeDiff(product, from, to, result),
    };
  },
};

/** The one that was asked for, that of quantix-repo.toml, or the first that the release has. */
function chooseArch(
  { config }: Workspace,
  product: string,
  newer: Release,
  asked: string | undefined,
): string {
  if (asked !== undefined) return asked;
  const usual = productConfig(config, product).arch;
  if (usual !== undefined && newer.manifests.has(usual)) return usual;
  return [...newer.manifests.keys()][0] ?? 'any';
}

/** As a host chooses: its own architecture, else `any`. */
function manifestFor(release: Release, arch: string, product: string, version: string) {
  const stored = release.manifests.get(arch) ?? release.manifests.get('any');
  if (stored !== undefined) return stored.manifest;
  throw new QxError('usage', 'the release has no manifest for this architecture', {
    where: `${product} ${version}`,
    expected: [...release.manifests.keys()].join(', '),
    found: arch,
  });
}

function describeDiff(
  product: string,
  from: string,
  to: string,
  { components, downloadBytes, fullBytes }: ReleaseDiff,
): string {
  const head = ['component', 'version', 'before', 'after', 'download', ''];
  return [
    `${product} ${from} → ${to}`,
    formatTable([head, ...components.map(row)], [2, 3, 4]),
    '',
    `a host on ${from} downloads ${formatBytes(downloadBytes)}; one that has nothing, ${formatBytes(fullBytes)}`,
  ].join('\n');
}

function row(part: ComponentChange): string[] {
  const { name, before, after, change, settings, downloadBytes } = part;
  const versions = [...new Set([before?.version, after?.version])].filter(
    (version) => version !== undefined,
  );
  const size = (side: { size: number } | null): string =>
    side === null ? '-' : formatBytes(side.size);
  const more = settings.length === 0 ? '' : ` (${settings.join(', ')})`;
  return [
    name,
    versions.join(' → '),
    size(before),
    size(after),
    downloadBytes === 0 ? '-' : formatBytes(downloadBytes),
    `${change}${more}`,
  ];
}
