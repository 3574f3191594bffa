import * as v from 'valibot';
import { type DocumentKind, encodeDocument, parseDocument } from './document.ts';
import { LIMITS } from './limits.ts';
import {
  head,
  listOf,
  manifestsByArch,
  name,
  positive,
  sortedRecord,
  text,
  time,
  version,
  whole,
} from './shapes.ts';

/** The unsigned index of a tree: for people and pages; no program trusts what it says. */
export const repositoryIndexSchema = v.object({
  ...head('repository'),
  products: sortedRecord(
    name,
    v.object({
      channels: listOf(name, 256),
      /** How many releases the pages of this product list, and on how many pages. */
      releases: whole,
      pages: whole,
    }),
    1024,
  ),
});

const releaseRow = v.object({
  version,
  release: positive,
  release_date: time,
  update_type: v.picklist(['component', 'full']),
  manifests: manifestsByArch,
  /** Why no channel may name it any more; a publisher's own note, which hosts never read. */
  withdrawn: v.exactOptional(text),
});

/** A page of at most 100 releases, oldest first; only the last page of a product is rewritten. */
export const releasePageSchema = v.object({
  ...head('releases'),
  product: name,
  page: positive,
  releases: listOf(releaseRow, LIMITS.releasesPerPage),
});

export type RepositoryIndex = v.InferOutput<typeof repositoryIndexSchema>;
export type ReleasePage = v.InferOutput<typeof releasePageSchema>;
export type ReleaseRow = v.InferOutput<typeof releaseRow>;

export const REPOSITORY_INDEX: DocumentKind<typeof repositoryIndexSchema> = {
  type: 'repository',
  schema: repositoryIndexSchema,
  maxBytes: LIMITS.repositoryIndexBytes,
};

export const RELEASE_PAGE: DocumentKind<typeof releasePageSchema> = {
  type: 'releases',
  schema: releasePageSchema,
  maxBytes: LIMITS.releasePageBytes,
};

export function parseRepositoryIndex(bytes: Uint8Array, where?: string): RepositoryIndex {
  return parseDocument(REPOSITORY_INDEX, bytes, where);
}

export function encodeRepositoryIndex(index: RepositoryIndex): Buffer {
  return encodeDocument(REPOSITORY_INDEX, index);
}

export function parseReleasePage(bytes: Uint8Array, where?: string): ReleasePage {
  return parseDocument(RELEASE_PAGE, bytes, where);
}

export function encodeReleasePage(page: ReleasePage): Buffer {
  return encodeDocument(RELEASE_PAGE, page);
}
