import fs from 'node:fs';
import t from 'tap';
import { parseGrubCore } from '../../../client/adopt/grub-core.ts';
import { GRUB_MODULES } from '../../../client/adopt/checks.ts';
import { grubImage } from '../../support/grub-image.ts';
import { needs } from '../../support/needs.ts';
import { OWN_GRUB_CFG } from '../../support/older-host.ts';
import { run } from '../../support/process.ts';

const MODULE_FOLDER = '/usr/lib/grub/x86_64-efi';
const real = needs('grub-mkimage', `${MODULE_FOLDER}/command.lst`);

/** What grub-install embeds when it does not know the disk's name at boot. */
const SEARCH = "search.fs_uuid 1234-ABCD root hd0,gpt1 \nset prefix=($root)'/grub'\n";

t.test('an image of the stock grub-mkimage is taken apart', real, async (t) => {
  const dir = t.testdir({ 'load.cfg': SEARCH });
  const make = async (...args: string[]): Promise<Buffer> => {
    const words = ['-O', 'x86_64-efi', '-d', MODULE_FOLDER, '-o', `${dir}/core`, ...args];
    const { status, stderr } = await run('grub-mkimage', words);
    t.equal(status, 0, stderr);
    return fs.readFileSync(`${dir}/core`);
  };
  const whole = parseGrubCore(await make('-p', '/grub', ...GRUB_MODULES));
  t.equal(whole?.folder, '/grub');
  for (const name of GRUB_MODULES) t.ok(whole?.modules.includes(name), name);
  const older = parseGrubCore(
    await make(
      '-p',
      '/EFI/quantix',
      'part_gpt',
      'fat',
      'normal',
      'linux',
      'search_label',
    ),
  );
  t.equal(older?.folder, '/EFI/quantix');
  t.ok(older?.modules.includes('search_label'));
  t.notOk(older?.modules.some((name) => ['regexp', 'loadenv', '?'].includes(name)));
  const installed = await make('-c', `${dir}/load.cfg`, '-p', '/boot/grub', 'fat');
  t.equal(parseGrubCore(installed)?.folder, '/grub', 'what is embedded sets the prefix');
});

t.test(
  'the commands of our grub.cfg lie in the modules that are asked for',
  real,
  (t) => {
    const table = fs.readFileSync(`${MODULE_FOLDER}/command.lst`, 'utf8').split('\n');
    const homes = new Map(
      table.map((line) => line.replace(/^\*/, '').split(': ') as [string, string]),
    );
    const code = OWN_GRUB_CFG.replace(/#.*$/gm, '').replace(/'[^']*'/g, '');
    const commands = code.replace(/\b(then|do|else|if|while)\b/g, ';').split(/[;\n{]/);
    const words = commands.map((command) => command.trim().split(' ', 1)[0] ?? '');
    const used = [...new Set(words)].filter((word) => word !== '' && homes.has(word));
    t.ok(used.length > 15, used.join());
    for (const word of used) {
      // all_video is asked for by name, and done without where it is missing.
      if (word === 'videoinfo') continue;
      t.ok(GRUB_MODULES.includes(homes.get(word) ?? ''), `${word}: ${homes.get(word)}`);
    }
    t.end();
  },
);

t.test('where an image reads its grub.cfg', (t) => {
  const rows: [prefix: string, config: string | undefined, folder: string | null][] = [
    ['/grub', undefined, '/grub'],
    ['(,gpt1)/grub', undefined, '/grub'],
    ['(hd0,gpt1)/grub/', undefined, '/grub'],
    ['/boot/grub', SEARCH, '/grub'],
    ['/grub', 'set prefix=($root)/EFI/x\n', '/EFI/x'],
    ['/grub', 'insmod part_gpt\nset root=hd0,gpt1\n', '/grub'],
    ['/grub', 'configfile /elsewhere/grub.cfg\n', null],
    ['/grub', 'set prefix=(memdisk)$where\n', null],
    ['grub', undefined, null],
  ];
  for (const [prefix, config, folder] of rows) {
    const image = grubImage(config === undefined ? { prefix } : { prefix, config });
    t.equal(parseGrubCore(image)?.folder, folder, JSON.stringify([prefix, config]));
  }
  t.end();
});

t.test('what is no such image is none, wherever it breaks off', (t) => {
  const whole = grubImage({
    prefix: '/grub',
    config: SEARCH,
    modules: ['fat', 'regexp'],
  });
  t.same(parseGrubCore(whole)?.modules, ['fat', 'regexp']);
  for (let length = 0; length < whole.length; length += 1) {
    const cut = parseGrubCore(whole.subarray(0, length));
    if (cut !== null && cut.folder === '/grub' && cut.modules.includes('?'))
      t.fail(`${length}`);
  }
  for (const bytes of [Buffer.from('MZ'), Buffer.alloc(4096), Buffer.alloc(4096, 0xff)])
    t.equal(parseGrubCore(bytes), null);
  t.equal(parseGrubCore(Buffer.from(whole).fill(0, 0x400, 0x404)), null, 'a shim');
  t.end();
});
