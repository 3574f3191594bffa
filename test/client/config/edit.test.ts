import t from 'tap';
import { editConfig } from '../../../client/config/edit.ts';
import { parseConfigFile } from '../../../client/config/load.ts';
import { refusal } from '../../support/refusal.ts';

const PATH = '/quantix/update.toml';
const TEXT = `# What this host asks
url = "https://updates.example.com"   # the old one
product = "quantix-os"
mirrors = [
  "https://a.example", # near
  "https://b.example",
]

# Versions of other products
[facts]
quantix-vdc = "1.2.3"
channel = "1.0.0"
`;

const edit = (key: string, value: string | null, text = TEXT): string =>
  editConfig(text, key, value, PATH);

t.test('one line changes; comments, order and tables stay', (t) => {
  t.equal(
    edit('product', 'quantix-vdc'),
    TEXT.replace('product = "quantix-os"', 'product = "quantix-vdc"'),
  );
  t.end();
});

t.test(
  'a new key goes above the tables, though one of them has a key of that name',
  (t) => {
    const edited = edit('channel', 'beta');
    t.equal(edited, TEXT.replace(']\n\n# Versions', ']\nchannel = "beta"\n\n# Versions'));
    t.match(parseConfigFile(edited, PATH), {
      channel: 'beta',
      facts: { channel: '1.0.0' },
    });
    t.end();
  },
);

t.test('a list of several lines is replaced whole', (t) => {
  const edited = edit('mirrors', 'https://c.example,https://d.example');
  t.same(parseConfigFile(edited, PATH).mirrors, [
    'https://c.example',
    'https://d.example',
  ]);
  t.notMatch(edited, /a\.example/);
  t.match(edited, /\n# Versions of other products\n\[facts\]/);
  t.end();
});

t.test('without a value the key goes', (t) => {
  const edited = edit('mirrors', null);
  t.notMatch(edited, /mirrors|near/);
  t.equal(parseConfigFile(edited, PATH).url, 'https://updates.example.com');
  t.equal(edit('keep', null), TEXT, 'one that does not stand there changes nothing');
  t.end();
});

t.test('an empty file gets its first line', (t) => {
  t.equal(edit('auto_apply', 'true', ''), 'auto_apply = true\n');
  t.equal(edit('retries', '5', '# nothing yet\n'), '# nothing yet\nretries = 5\n');
  t.equal(edit('channel', 'dev', '[facts]\n'), 'channel = "dev"\n[facts]\n');
  t.end();
});

t.test('what would not be read again is not written', (t) => {
  t.match(
    refusal(() => edit('url', 'nonsense')),
    { code: 'config', found: 'nonsense' },
  );
  t.match(
    refusal(() => edit('retries', 'many')),
    { code: 'config' },
  );
  t.match(
    refusal(() => edit('chanel', 'beta')),
    { code: 'config', expected: /channel/ },
  );
  t.match(refusal(() => edit('facts', 'x')).hint, /in the file itself/);
  t.match(
    refusal(() => edit('channel', 'beta', 'broken')),
    { where: `${PATH}:1:7` },
  );
  t.end();
});

t.test('a value with quotes and line feeds stays one value', (t) => {
  const edited = edit('state_dir', '/data/with "quotes" and \\');
  t.equal(parseConfigFile(edited, PATH).state_dir, '/data/with "quotes" and \\');
  t.end();
});

t.test('a list on one line with a bracket in it is replaced whole', (t) => {
  const text = 'allow_paths = ["/opt/a]b/"] # both\nchannel = "dev"\n';
  t.equal(
    edit('allow_paths', '/opt/c', text),
    'allow_paths = [ "/opt/c" ]\nchannel = "dev"\n',
  );
  t.end();
});
