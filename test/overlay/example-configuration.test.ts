import fs from 'node:fs';
import path from 'node:path';
import t from 'tap';
import { parseConfigFile } from '../../client/config/load.ts';
import { CONFIG_KEYS } from '../../client/config/schema.ts';
import { ROOT } from '../support/setup.mjs';

const FILE = path.join(ROOT, 'overlay/etc/quantix/update.toml.example');
const TEXT = fs.readFileSync(FILE, 'utf8');
/** A line of comment that is a setting: "# key = …" or "# [table]". */
const SETTING = /^# (?=[a-z_-]+ = |\[[a-z]+\]$)/gm;

t.test('the example is a configuration as it stands', (t) => {
  t.same(Object.keys(parseConfigFile(TEXT, FILE)), ['url', 'product']);
  t.end();
});

t.test('every line of it is one when its comment sign is taken away', (t) => {
  const values = parseConfigFile(TEXT.replace(SETTING, ''), FILE);
  t.same(Object.keys(values).sort(), [...CONFIG_KEYS].sort(), 'and no key is left out');
  t.end();
});
