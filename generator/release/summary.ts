import type { Source } from '../../client/format/manifest.ts';
import type { Descriptor } from '../../client/format/shapes.ts';
import { formatBytes, formatTable } from '../../client/terminal/text.ts';
import type { Workspace } from '../workspace/workspace.ts';
import type { Generated } from './generate.ts';

export interface Row {
  name: string;
  version: string;
  /** Bytes of the content. */
  size: number;
  /** Bytes of all its objects in the tree. */
  stored: number;
  encoding: string;
  /** Bytes that a host without it downloads. */
  download: number;
  state: 'new' | 'same' | 'carried';
}

/** What --json prints about a release. */
export function generatedValue(result: Generated, workspace: Workspace): object {
  const { manifest, state, sha256, path, signatures, pointer } = result;
  return {
    dryRun: workspace.dryRun,
    state,
    product: manifest.product,
    version: manifest.version,
    release: manifest.release,
    arch: manifest.arch,
    manifest: { sha256, path, signatures },
    components: rows(result),
    pointer,
    changes: workspace.tree.changes,
  };
}

/** The closing table: what was published, its sizes and what hosts will download. */
export function describeGenerated(result: Generated, workspace: Workspace): string {
  const { manifest, state, path, signatures, pointer } = result;
  const head = ['component', 'version', 'content', 'stored', 'encoding', 'download', ''];
  const body = rows(result).map((row) => [
    row.name,
    row.version,
    formatBytes(row.size),
    formatBytes(row.stored),
    row.encoding,
    formatBytes(row.download),
    row.state,
  ]);
  const title = `${manifest.product} ${manifest.version} (release ${manifest.release}, ${manifest.arch})`;
  const lines = [formatTable([head, ...body], [2, 3, 5]), ''];
  if (workspace.dryRun) lines.push('nothing was written (--dry-run)');
  const would = workspace.dryRun ? 'would be: ' : '';
  if (state === 'published') lines.push(`${would}${title} published: ${path}`);
  if (state === 'unchanged')
    lines.push(`${title} is published already, with these contents`);
  if (state === 'pending') {
    lines.push(`${would}${title} waits for signatures (${signatures}): ${path}`);
    lines.push(
      'next: sign that file with another key, then qx-repo sign --add FILE.minisig',
    );
  }
  if (pointer !== null) lines.push(`${would}${pointerLine(pointer)}`);
  return lines.join('\n');
}

function pointerLine(pointer: NonNullable<Generated['pointer']>): string {
  const name = `${pointer.product}/${pointer.channel}`;
  if (pointer.state === 'unchanged') return `${name} is at ${pointer.version} already`;
  if (pointer.state === 'published') return `${name} is at ${pointer.version} now`;
  return `${name} waits for signatures (${pointer.signatures}): ${pointer.path}`;
}

/** The components of a release, and the system image, as people are told of them. */
export function rows({ manifest, carried, fresh }: Generated): Row[] {
  const all = manifest.components.map((component) =>
    row(component.name, component.version, component.content, component.sources),
  );
  const image = manifest.full_image;
  if (image !== undefined)
    all.push(row('(system image)', manifest.version, image.content, image.sources));
  const digests = [
    ...manifest.components.map(({ content }) => content),
    ...(image ? [image.content] : []),
  ];
  return all.map((each, at) => {
    const isNew = fresh.has(digests[at]?.sha256 ?? '');
    return {
      ...each,
      state: carried.includes(each.name) ? 'carried' : isNew ? 'new' : 'same',
    };
  });
}

function row(
  name: string,
  version: string,
  content: Descriptor,
  sources: readonly Source[],
): Row {
  const full = sources.filter(({ type }) => type === 'full');
  const least = full.reduce(
    (best, each) => (each.size < best.size ? each : best),
    full[0] as Source,
  );
  return {
    name,
    version,
    size: content.size,
    stored: full.reduce((sum, { size }) => sum + size, 0),
    encoding: full.map(({ encoding }) => encoding).join(' + '),
    download: least.size,
    state: 'same',
  };
}
