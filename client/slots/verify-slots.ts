import { SLOTS } from '../boot/boot-state.ts';
import type { Config } from '../config/config.ts';
import { belowRoot } from '../config/load.ts';
import { hashFile } from '../content/hash.ts';
import type { Files } from '../effects/effects.ts';
import type { ClientState } from '../format/client-state.ts';
import { QxError } from '../format/error.ts';
import { bootedIfKnown, findSlots, openEnvironment } from './host-slots.ts';

/** Every image that this client wrote and that may be booted, held against the digest that was signed. */
export async function inspectSlots(
  files: Files,
  config: Config,
  { slots }: ClientState,
): Promise<{ checked: string[]; problems: QxError[] }> {
  const checked: string[] = [];
  const problems: QxError[] = [];
  if (slots === undefined || (await bootedIfKnown(files, config)) === null)
    return { checked, problems };
  const { state } = await openEnvironment(files, config).read();
  const partitions = await findSlots(files, config);
  for (const slot of SLOTS) {
    const record = slots[slot] ?? null;
    if (record === null || state.slots[slot].kind === 'none') continue;
    const device = belowRoot(config.root, partitions[slot].device);
    const found = await hashFile(files, device, record.size);
    checked.push(`slot ${slot}`);
    if (found.sha256 === record.content && found.size === record.size) continue;
    problems.push(
      new QxError('digest', `slot ${slot}: the system image is not what was signed`, {
        where: device,
        expected: `${record.content} (${record.size} bytes)`,
        found: `${found.sha256} (${found.size} bytes)`,
        hint: 'something wrote to the slot, or the disk is failing; install the release again, from the other slot',
      }),
    );
  }
  return { checked, problems };
}
