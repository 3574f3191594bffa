import { QxError } from '../../client/format/error.ts';
import { LIMITS } from '../../client/format/limits.ts';
import {
  type ReleasePage,
  type RepositoryIndex,
  parseReleasePage,
  parseRepositoryIndex,
} from '../../client/format/repository-index.ts';
import { REPOSITORY_INDEX_PATH, releasePagePath } from '../../client/format/tree.ts';
import type { Source } from '../../client/reader/source.ts';
import type { TreeFile } from './files.ts';
import type { ChannelName } from './pointers.ts';
import type { Problems } from './problems.ts';

export interface PlacedPage {
  path: string;
  page: ReleasePage;
}

export interface Indexes {
  /** Null where repository.json is missing or cannot be read. */
  index: RepositoryIndex | null;
  pages: PlacedPage[];
}

/** What repository.json and the release pages say, each in its own place. */
export async function readIndexes(
  source: Source,
  repository: string,
  files: readonly TreeFile[] | null,
  problems: Problems,
): Promise<Indexes> {
  const index = await readIndex(source, repository, files, problems);
  const pages: PlacedPage[] = [];
  for (const product of productsIn(index, files)) {
    const promised = index?.products[product]?.pages ?? 0;
    pages.push(...(await readPages(source, repository, product, promised, problems)));
  }
  return { index, pages };
}

async function readIndex(
  source: Source,
  repository: string,
  files: readonly TreeFile[] | null,
  problems: Problems,
): Promise<RepositoryIndex | null> {
  const where = REPOSITORY_INDEX_PATH;
  const index = await problems.attempt(async () => {
    const options = { maxBytes: LIMITS.repositoryIndexBytes, fresh: true };
    const fetched = await source.get(where, options);
    return fetched.status === 'found' ? parseRepositoryIndex(fetched.bytes, where) : null;
  });
  if (index === null) {
    problems.add(
      files === null ? 'error' : 'warning',
      'malformed',
      'the index is missing',
      {
        where,
        hint:
          files === null
            ? 'a web host lists no folders: without it nobody can say what is published'
            : 'any publishing command writes it',
      },
    );
  }
  if (index && index.repository !== repository) {
    reportOther(problems, where, 'repository', repository, index.repository);
  }
  return index ?? null;
}

function productsIn(
  index: RepositoryIndex | null,
  files: readonly TreeFile[] | null,
): string[] {
  const listed = Object.keys(index?.products ?? {});
  const there = (files ?? []).flatMap(
    ({ path }) => /^products\/([^/]+)\/releases-\d+\.json$/.exec(path)?.[1] ?? [],
  );
  return [...new Set([...listed, ...there])].sort();
}

/** A host that answers whatever it is asked for must not keep us for ever. */
const PAGES_MAX = 10_000;

/** Pages 1, 2, … to the last one: a page may have come since repository.json was read. */
async function readPages(
  source: Source,
  repository: string,
  product: string,
  promised: number,
  problems: Problems,
): Promise<PlacedPage[]> {
  const pages: PlacedPage[] = [];
  for (let number = 1; number <= PAGES_MAX; number += 1) {
    const path = releasePagePath(product, number);
    const read = await problems.attempt(() => readPage(source, path));
    if (read === null && number > promised) return pages;
    if (read === null) {
      problems.error('malformed', 'a release page is missing', {
        where: path,
        expected: `${promised} pages, as ${REPOSITORY_INDEX_PATH} says`,
        found: `${number - 1}`,
        hint: 'remove the products/ folder: any publishing command writes it anew',
      });
      return pages;
    }
    if (read === undefined) continue;
    checkPage(read, { repository, product, number, path }, problems);
    pages.push({ path, page: read });
  }
  return pages;
}

async function readPage(source: Source, path: string): Promise<ReleasePage | null> {
  const options = { maxBytes: LIMITS.releasePageBytes, fresh: true };
  const fetched = await source.get(path, options);
  return fetched.status === 'found' ? parseReleasePage(fetched.bytes, path) : null;
}

function checkPage(
  page: ReleasePage,
  place: { repository: string; product: string; number: number; path: string },
  problems: Problems,
): void {
  const { repository, product, number, path } = place;
  if (page.repository !== repository)
    reportOther(problems, path, 'repository', repository, page.repository);
  if (page.product !== product)
    reportOther(problems, path, 'product', product, page.product);
  if (page.page !== number)
    reportOther(problems, path, 'page', `${number}`, `${page.page}`);
  const numbers = page.releases.map(({ release }) => release);
  if (numbers.some((release, at) => at > 0 && release < (numbers[at - 1] ?? 0))) {
    problems.error('malformed', 'a release page is not sorted', {
      where: path,
      expected: 'the oldest release first',
      found: numbers.join(', ').slice(0, 100),
    });
  }
}

function reportOther(
  problems: Problems,
  where: string,
  field: string,
  expected: string,
  found: string,
): void {
  const error = new QxError('malformed', `an index of another ${field}`, {
    where,
    expected,
    found,
  });
  problems.refused(error);
}

/** Channels that repository.json lists and those whose pointers lie in the tree. */
export function channelNames(
  index: RepositoryIndex | null,
  files: readonly TreeFile[] | null,
): ChannelName[] {
  const names = new Map<string, ChannelName>();
  for (const [product, { channels }] of Object.entries(index?.products ?? {})) {
    for (const channel of channels)
      names.set(`${product}/${channel}`, [product, channel]);
  }
  for (const { path } of files ?? []) {
    const [, product, channel] = POINTER_PATH.exec(path) ?? [];
    if (product === undefined || channel === undefined) continue;
    names.set(`${product}/${channel}`, [product, channel]);
  }
  return [...names.keys()]
    .sort()
    .flatMap((name) => [names.get(name) ?? []] as ChannelName[]);
}

const POINTER_PATH = /^channels\/([a-z0-9][a-z0-9._-]*)\/([a-z0-9][a-z0-9._-]*)\.json$/;

/** An index that says too little is behind, as after a run that was cut off; one that says too much is wrong. */
export function compareIndex(
  { index, pages }: Indexes,
  names: readonly ChannelName[],
  problems: Problems,
): void {
  if (index === null) return;
  const where = REPOSITORY_INDEX_PATH;
  const hint = 'any publishing command brings it up to date';
  for (const [product, channel] of names) {
    if (index.products[product]?.channels.includes(channel) === true) continue;
    problems.warn('malformed', 'a channel that the index does not list', {
      where,
      found: `${product}/${channel}`,
      hint,
    });
  }
  for (const [product, { releases }] of Object.entries(index.products)) {
    const listed = pages.filter(({ page }) => page.product === product);
    const count = listed.reduce((sum, { page }) => sum + page.releases.length, 0);
    if (count === releases) continue;
    problems.add(
      releases > count ? 'error' : 'warning',
      'malformed',
      'the index counts other releases than the pages list',
      { where, expected: `${count} of ${product}`, found: `${releases}`, hint },
    );
  }
}
