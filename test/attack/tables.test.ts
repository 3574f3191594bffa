import fs from 'node:fs';
import path from 'node:path';
import t from 'tap';
import { ROOT } from '../support/setup.mjs';

/** The tables of attacks name stories: each must be told. */

const HERE = path.join(ROOT, 'test/attack');

const told = new Set(
  fs
    .readdirSync(HERE)
    .filter((name) => name.endsWith('.test.ts'))
    .flatMap((name) => {
      const text = fs.readFileSync(path.join(HERE, name), 'utf8');
      return [...text.matchAll(/(?:story\(\s*|name:\s*)'([^']+)'/g)].map(
        (match) => match[1],
      );
    }),
);

/** The cells of each row below the head, in the part of the file that begins with `heading`. */
function rows(file: string, heading = ''): string[][] {
  const text = fs.readFileSync(path.join(ROOT, file), 'utf8');
  const lines = text.slice(text.indexOf(heading)).split('\n');
  const table = lines.filter((line) => line.startsWith('| ')).slice(1);
  return table
    .filter((line) => !/^\| -/.test(line))
    .map((line) =>
      line
        .split('|')
        .slice(1, -1)
        .map((cell) => cell.trim()),
    );
}

const storiesOf = (cell = ''): string[] =>
  [...cell.matchAll(/“([^”]+)”/g)].map((match) => match[1] ?? '');

/** Of theupdateframework/tuf-conformance at the commit that conformance.md names. */
const FUNCTIONS = [
  'test_basic_refresh_requests',
  'test_basic_refresh_trusted_data',
  'test_implicit_refresh',
  'test_invalid_initial_root',
  'test_unsigned_initial_root',
  'test_unsigned_metadata',
  'test_url_and_metadata_version_mismatch',
  'test_timestamp_content_changes',
  'test_basic_metadata_hash_support',
  'test_targets_hash_mismatch',
  'test_snapshot_hash_mismatch',
  'test_metadata_bytes_match',
  'test_custom_fields',
  'test_deprecated_keyid_hash_algorithms',
  'test_snapshot_404',
  'test_targets_404',
  'test_timestamp_404',
  'test_incorrect_metadata_type',
  'test_faketime',
  'test_root_expired',
  'test_timestamp_expired',
  'test_snapshot_expired',
  'test_targets_expired',
  'test_expired_local_root',
  'test_expired_local_timestamp',
  'test_client_downloads_expected_file',
  'test_client_downloads_expected_file_in_sub_dir',
  'test_repository_substitutes_target_file',
  'test_multiple_changes_to_target',
  'test_download_with_hash_algorithms',
  'test_download_with_unknown_hash_algorithm',
  'test_artifact_cache',
  'test_snapshot_does_not_meet_threshold',
  'test_snapshot_has_too_few_keys',
  'test_duplicate_keys',
  'test_duplicate_sig_keyids',
  'test_keytype_and_scheme',
  'test_invalid_sig_in_valid_metadata',
  'test_unusual_role_name',
  'test_repo_initialzation_unittest',
  'test_basic_metadata_hash_support_unittest',
  'test_update_timestamp',
  'test_new_timestamp_version_rollback',
  'test_snapshot_rollback',
  'test_targets_role_removal',
  'test_targets_fast_forward_recovery',
  'test_new_snapshot_fast_forward_recovery',
  'test_new_timestamp_fast_forward_recovery',
  'test_targets_rollback',
  'test_static_repository',
  'test_graph_traversal',
  'test_targetfile_search',
  'test_cached_role_is_verified_against_current_delegator',
  'test_delegation_not_in_snapshot',
  'test_root_rotation',
  'test_non_root_rotations',
];

t.test('every function of the conformance suite has stories or a reason', (t) => {
  const table = rows('test/attack/conformance.md');
  t.same(
    table.map(([, name]) => name?.replaceAll('`', '')),
    FUNCTIONS,
  );
  for (const [, name, , ours = ''] of table) {
    const stories = storiesOf(ours);
    t.ok(stories.length > 0 || /^none: \S/.test(ours), `${name} has an answer`);
    t.same(
      stories.filter((story) => !told.has(story)),
      [],
      `${name}: all are told`,
    );
  }
  t.end();
});

t.test('every row of SECURITY.md names stories that are told', (t) => {
  const table = rows('SECURITY.md', '## What stops which attack');
  t.ok(table.length >= 10);
  for (const [attack = '', , stories] of table) {
    t.ok(storiesOf(stories).length > 0, attack);
    t.same(
      storiesOf(stories).filter((story) => !told.has(story)),
      [],
      `${attack}: all are told`,
    );
  }
  t.end();
});

t.test('there are at least sixty stories', (t) => {
  t.ok(told.size >= 60, `${told.size}`);
  t.end();
});
