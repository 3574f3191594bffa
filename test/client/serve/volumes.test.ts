import fs from 'node:fs';
import path from 'node:path';
import t from 'tap';
import type { Config } from '../../../client/config/config.ts';
import { nodeFiles } from '../../../client/effects/files.ts';
import { listVolumes } from '../../../client/serve/volumes.ts';

const MOUNTS = `overlay / overlay rw,relatime 0 0
proc /proc proc rw 0 0
/dev/vda1 /boot vfat rw,noatime 0 0
/dev/vda4 /quantix ext4 rw,noatime 0 0
/dev/vda5 /data xfs rw,noatime 0 0
/dev/vdb1 /mnt/two\\040words ext4 rw,noatime 0 0
/dev/vdc1 /mnt/read-only ext4 ro,noatime 0 0
/dev/vdd1 /mnt/gone btrfs rw 0 0
tmpfs /tmp tmpfs rw 0 0
server:/share /mnt/share nfs rw 0 0
`;

t.test('disks that something could be kept on, and none of the system', async (t) => {
  const root = t.testdir({ proc: { mounts: MOUNTS } });
  for (const name of [
    'data/components',
    'mnt/two words',
    'mnt/read-only',
    'mnt/updates-storage',
  ])
    fs.mkdirSync(path.join(root, name), { recursive: true });
  const config = { root, componentsDir: path.join(root, 'data/components') } as Config;
  const volumes = await listVolumes(nodeFiles(), config);
  t.same(
    volumes.map(({ path, name }) => [path, name]),
    [
      ['/data', 'data'],
      ['/mnt/two words', 'two words'],
      ['/mnt/updates-storage', 'updates-storage'],
      ['/data/components', 'components'],
    ],
  );
  for (const volume of volumes) {
    t.match(volume, { poolId: 'system', isMounted: true });
    t.ok(volume.totalBytes >= volume.availableBytes && volume.availableBytes > 0);
  }
});
