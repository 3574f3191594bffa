import fs from 'node:fs';
import path from 'node:path';
import t from 'tap';
import { about, ext4, squashfs } from '../support/slot-image.ts';
import {
  filesBelow,
  type Json,
  manifestOf,
  newWorkspace,
  ok,
  qxRepo,
  write,
} from './support.ts';

const SAYS = {
  layout: 'A',
  arch: 'x86_64',
  compatible: 'quantix-os',
  version: '1.5.0',
  components: { 'qx-node': '1.5.0' },
};

const image = (says: object = SAYS): Buffer => Buffer.concat([squashfs(), about(says)]);

t.test('what an image says of itself completes the release', async (t) => {
  const dir = t.testdir();
  const workspace = await newWorkspace(path.join(dir, 'w'));
  write(path.join(dir, 'image'), image());
  const flags = ['--product', 'quantix-os', '--bump', '--image', '../image'];
  const result = await ok(workspace, ['generate', ...flags]);
  t.match(manifestOf(workspace, result), {
    version: '1.5.0',
    update_type: 'full',
    arch: 'x86_64',
    compatible: 'quantix-os',
    full_image: { target_slot: 'auto', components: SAYS.components },
  });
});

t.test('an image that says nothing of itself is described by the release', async (t) => {
  const dir = t.testdir();
  const workspace = await newWorkspace(path.join(dir, 'w'));
  write(path.join(dir, 'image'), ext4());
  write(
    path.join(dir, 'release.toml'),
    'product = "quantix-os"\nversion = "2.0.0"\ncompatible = "rack"\n[image]\npath = "image"\ncomponents = {qx-console = "2.0.0"}\n',
  );
  const result = await ok(workspace, ['generate', '--from', '../release.toml']);
  t.match(manifestOf(workspace, result), {
    version: '2.0.0',
    compatible: 'rack',
    full_image: { components: { 'qx-console': '2.0.0' } },
  });
});

const REFUSED: {
  name: string;
  image: Buffer;
  args?: string[];
  toml?: string;
  status: number;
  says: RegExp;
}[] = [
  {
    name: 'what is no slot image',
    image: Buffer.from('a disk'),
    status: 23,
    says: /neither a squashfs nor an ext4/,
  },
  {
    name: 'a squashfs that GRUB cannot read',
    image: squashfs((head) => head.writeUInt16LE(6, 20)),
    status: 23,
    says: /zstd/,
  },
  {
    name: 'an image for another architecture',
    image: image({ ...SAYS, arch: 'aarch64' }),
    status: 78,
    says: /another architecture[^]*x86_64[^]*aarch64/,
  },
  {
    name: 'an image of another version',
    image: image(),
    args: ['--version', '1.6.0'],
    status: 78,
    says: /another version[^]*1\.6\.0[^]*1\.5\.0/,
  },
  {
    name: 'an image that is compatible with something else',
    image: image(),
    toml: 'compatible = "rack"',
    status: 78,
    says: /another compatible[^]*rack[^]*quantix-os/,
  },
  {
    name: 'an image with another version of a component',
    image: image(),
    toml: 'image = {path = "image", components = {qx-node = "1.4.0"}}',
    status: 78,
    says: /another version of qx-node[^]*1\.4\.0[^]*1\.5\.0/,
  },
  {
    name: 'an image for hosts without slots',
    image: image(),
    args: ['--product', 'quantix-vdc'],
    status: 78,
    says: /hosts of quantix-vdc have no slots/,
  },
  {
    name: 'an image that is larger than a slot',
    image: image(),
    args: ['--product', 'small'],
    status: 78,
    says: /does not fit into a slot[^]*8191 bytes[^]*8192 bytes/,
  },
];

for (const { name, image, args = [], toml = '', status, says } of REFUSED) {
  t.test(`refused before anything is stored: ${name}`, async (t) => {
    const dir = t.testdir();
    const workspace = await newWorkspace(path.join(dir, 'w'));
    const config = path.join(workspace, 'quantix-repo.toml');
    const small = '\n[products.small]\nslot_bytes = 8191\n';
    write(config, Buffer.concat([fs.readFileSync(config), Buffer.from(small)]));
    write(path.join(dir, 'image'), image);
    const from = write(path.join(dir, 'release.toml'), `${toml}\n`);
    const before = filesBelow(workspace);
    const given: Json = { '--product': 'quantix-os', '--version': '1.5.0' };
    for (let at = 0; at < args.length; at += 2) given[args[at] ?? ''] = args[at + 1];
    const flags = Object.entries(given).flat() as string[];
    const words = ['generate', '--from', from, '--image', '../image', ...flags];
    const refused = await qxRepo(workspace, words);
    t.equal(refused.status, status, refused.stderr);
    t.match(refused.stderr, says);
    t.same(filesBelow(workspace), before);
  });
}
