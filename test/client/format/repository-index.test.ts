import t from 'tap';
import {
  encodeReleasePage,
  encodeRepositoryIndex,
  parseReleasePage,
  parseRepositoryIndex,
} from '../../../client/format/repository-index.ts';
import { accepted, edited, refused } from '../../support/documents.ts';
import { refusal, refusesAll } from '../../support/refusal.ts';

t.test('a canonical index and a canonical page are written as they were read', (t) => {
  const index = accepted('repository');
  t.strictSame(encodeRepositoryIndex(parseRepositoryIndex(index)), index);
  const page = accepted('releases');
  t.strictSame(encodeReleasePage(parseReleasePage(page)), page);
  t.end();
});

t.test('products are read in any order and written in one', (t) => {
  const { products } = parseRepositoryIndex(accepted('repository'));
  const turned = Object.fromEntries(Object.entries(products).reverse());
  const bytes = edited('repository', { set: { products: turned, title: 'unknown' } });
  t.notSame(Object.keys(turned), Object.keys(products));
  t.strictSame(
    encodeRepositoryIndex(parseRepositoryIndex(bytes)),
    accepted('repository'),
  );
  t.end();
});

t.test('what an index must not say', (t) => {
  refusesAll(t, parseRepositoryIndex, refused('repository'));
});

t.test('what a page of releases must not say', (t) => {
  refusesAll(t, parseReleasePage, refused('releases'));
});

t.test('a page holds 100 releases at the most', (t) => {
  const [row] = parseReleasePage(accepted('releases')).releases;
  const page = (count: number): Buffer =>
    edited('releases', { set: { releases: Array(count).fill(row) } });
  t.equal(parseReleasePage(page(100)).releases.length, 100);
  t.equal(refusal(() => parseReleasePage(page(101))).expected, 'at most 100 entries');
  t.end();
});
