import { QxError } from '../../client/format/error.ts';
import { refuseSenselessHealth } from '../../client/format/health.ts';
import type { ComponentDefaults } from '../workspace/config.ts';
import type { Item } from './contents.ts';

/**
 * Health checks that no host could pass, before any content is compressed: QxError `malformed` for what a host
 * would refuse, `config` for a command that the component does not bring.
 */
export function refuseHopelessHealth(item: Item, fields: ComponentDefaults): void {
  const { health = [], restart_service } = fields;
  refuseSenselessHealth({
    name: item.name,
    kind: item.kind,
    health,
    ...(restart_service === undefined ? {} : { restart_service }),
  });
  for (const check of health) {
    if (check.type === 'command') refuseMissing(item, check.file);
  }
}

function refuseMissing(item: Item, file: string): void {
  if (!file.startsWith('./') || item.kind === 'file') return;
  const entry = item.entries?.find(({ path }) => `./${path}` === file);
  // Where a link leads is the host's to see.
  if (entry?.type === 'link' || (entry?.type === 'file' && (entry.mode & 0o111) !== 0))
    return;
  throw new QxError('config', `${item.name}: a health check that cannot be run`, {
    where: file,
    expected: 'an executable file of the component',
    found: entry === undefined ? 'no such file' : `a ${entry.type} without an x bit`,
  });
}
