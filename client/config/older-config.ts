import { posix } from 'node:path';
import { stringify } from 'smol-toml';
import { QxError, printable } from '../format/error.ts';
import * as v from 'valibot';
import { absolutePath, name } from '../format/shapes.ts';
import { parseConfigFile } from './load.ts';
import { type YamlEntry, readUpdatesSection } from './older-yaml.ts';
import { type ConfigFile, isDuration } from './schema.ts';

/** A setting of the older client that has no place here, or another meaning. */
export interface ImportNote {
  key: string;
  value: YamlEntry['value'];
  why: string;
}

export interface Imported {
  values: ConfigFile;
  /** update.toml as it is written; it has passed the checks of a file that is read. */
  text: string;
  notCarried: ImportNote[];
  /** Carried over, and yet not quite the same: the reasons. */
  changed: ImportNote[];
}

export interface ImportOptions {
  /** Where the older file lies, for messages. */
  path: string;
  product: string;
  /** Where the tree is served, when that is not `server_url`. */
  url: string | undefined;
}

/** update.toml from the `updates:` section of the older node.yaml. QxError `config` says file and line. */
export function importOlder(text: string, options: ImportOptions): Imported {
  const entries = readUpdatesSection(text, options.path);
  if (entries === null) {
    throw new QxError('config', 'the file has no updates: section', {
      where: options.path,
      hint: 'write update.toml by hand: url and product are all that it needs',
    });
  }
  const older = new OlderSection(entries, options.path);
  const changed: ImportNote[] = [];
  const values: ConfigFile = {
    url: options.url ?? older.url(),
    product: options.product,
    // What the older client followed without being told; ours would follow "stable".
    channel: older.text('channel', name, 'the name of a channel') ?? 'dev',
    ...older.interval(),
    ...automatic(older, changed),
    ...storage(older, changed),
    ...keep(older, changed),
  };
  const toml = `# Made by qx-update config import from ${options.path}\n${stringify(values)}`;
  parseConfigFile(toml, 'update.toml');
  return { values, text: toml, notCarried: notCarried(older, options.url), changed };
}

/** The entries with their types; every refusal names the line. */
class OlderSection {
  readonly entries: ReadonlyMap<string, YamlEntry>;
  readonly #path: string;

  constructor(entries: ReadonlyMap<string, YamlEntry>, path: string) {
    this.entries = entries;
    this.#path = path;
  }

  refuse(key: string, expected: string): never {
    const entry = this.entries.get(key);
    throw new QxError('config', `${key} does not fit`, {
      where: entry === undefined ? this.#path : `${this.#path}:${entry.line}`,
      expected,
      found: printable(entry?.value ?? 'nothing'),
    });
  }

  text(key: string, shape: v.GenericSchema, expected: string): string | undefined {
    const value = this.entries.get(key)?.value;
    if (value === undefined) return undefined;
    return typeof value === 'string' && v.is(shape, value)
      ? value
      : this.refuse(key, expected);
  }

  flag(key: string): boolean | undefined {
    const value = this.entries.get(key)?.value;
    if (value === undefined || typeof value === 'boolean') return value;
    return this.refuse(key, 'true or false');
  }

  number(key: string): number | undefined {
    const value = this.entries.get(key)?.value;
    if (value === undefined) return undefined;
    return typeof value === 'number' && value >= 0
      ? value
      : this.refuse(key, 'a whole number');
  }

  url(): string {
    const isUrl = v.pipe(v.string(), v.regex(/^https?:\/\/\S+$/));
    const url = this.text(
      'server_url',
      isUrl,
      'a URL like "https://updates.example.org"',
    );
    return url ?? this.refuse('server_url', 'the base URL of the tree (or --url URL)');
  }

  interval(): ConfigFile {
    const duration = v.custom<string>(
      (text) => typeof text === 'string' && isDuration(text),
    );
    const interval = this.text(
      'check_interval',
      duration,
      'a duration like "30s", "5m", "1h" or "1d"',
    );
    return interval === undefined ? {} : { check_interval: interval };
  }
}

/** The older client read these and never acted on them. */
function automatic(older: OlderSection, changed: ImportNote[]): ConfigFile {
  const values: ConfigFile = {};
  for (const key of ['auto_apply', 'auto_reboot'] as const) {
    const value = older.flag(key);
    if (value === undefined) continue;
    values[key] = value && older.flag('enabled') !== false;
    if (value && values[key])
      changed.push({
        key,
        value,
        why: 'the older client never acted on it; this one does',
      });
  }
  return values;
}

function storage(older: OlderSection, changed: ImportNote[]): ConfigFile {
  const places = v.picklist(['local', 'volume']);
  const place = older.text('storage_location', places, '"local" or "volume"') ?? 'local';
  const volume = older.text('volume_path', absolutePath, 'an absolute path');
  if (place === 'local') return {};
  if (volume === undefined) return older.refuse('volume_path', 'the path of the volume');
  const why =
    'the volume now holds what is installed, so it must be mounted before services start';
  changed.push({ key: 'volume_path', value: volume, why });
  return { storage: posix.join(volume, 'components') };
}

const KEEP = { min: 1, max: 100 };

/** Copies of each component then, whole generations of all components now. */
function keep(older: OlderSection, changed: ImportNote[]): ConfigFile {
  const backups = older.number('max_backups');
  if (backups === undefined) return {};
  const kept = Math.min(Math.max(backups, KEEP.min), KEEP.max);
  if (kept !== backups)
    changed.push({
      key: 'max_backups',
      value: backups,
      why: `keep is ${kept}: from 1 to 100`,
    });
  return { keep: kept };
}

const CARRIED = ['channel', 'check_interval', 'auto_apply', 'auto_reboot', 'max_backups'];

const REASONS: Readonly<Record<string, string>> = {
  staging_dir: 'downloads wait beside the components, on the same file system',
  backup_dir: 'what was installed before stays in the store: qx-update rollback',
};

function notCarried(older: OlderSection, url: string | undefined): ImportNote[] {
  const notes: ImportNote[] = [];
  for (const [key, { value }] of older.entries) {
    const why = whyNot(older, key, url);
    if (why !== null) notes.push({ key, value, why });
  }
  return notes;
}

function whyNot(
  older: OlderSection,
  key: string,
  url: string | undefined,
): string | null {
  if (CARRIED.includes(key)) return null;
  if (key === 'server_url')
    return url === undefined ? null : 'another URL was named: --url';
  if (key === 'enabled')
    return older.flag('enabled') === false
      ? 'there is no such switch: qx-update hold keeps everything out, or let cron not call it'
      : null;
  const local = older.entries.get('storage_location')?.value !== 'volume';
  if (key === 'storage_location') return null;
  if (key === 'volume_path') return local ? 'storage_location is not "volume"' : null;
  return REASONS[key] ?? 'unknown to the older client as well';
}
