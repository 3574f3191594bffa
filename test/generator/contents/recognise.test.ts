import fs from 'node:fs';
import path from 'node:path';
import t from 'tap';
import {
  recogniseProvenance,
  recogniseSbom,
} from '../../../generator/contents/recognise.ts';
import { ROOT } from '../../support/setup.mjs';

const sample = (name: string): Buffer =>
  fs.readFileSync(path.join(ROOT, 'test/vectors/attachments', name));

const SBOMS = {
  'bom.cdx.json': 'application/vnd.cyclonedx+json',
  'bom.cdx.xml': 'application/vnd.cyclonedx+xml',
  'bom.spdx.json': 'application/spdx+json',
  'bom.spdx3.json': 'application/spdx+json',
  'bom.spdx': 'text/spdx',
};
const PROVENANCE = {
  'build.intoto.json': 'application/vnd.in-toto+json',
  'build.dsse.json': 'application/vnd.dsse.envelope.v1+json',
  'build.sigstore.json': 'application/vnd.dev.sigstore.bundle.v0.3+json',
};

t.test('a document is what its bytes say, and not the other kind', (t) => {
  for (const [name, type] of Object.entries(SBOMS)) {
    t.equal(recogniseSbom(sample(name)), type, name);
    t.equal(recogniseProvenance(sample(name)), null, name);
  }
  for (const [name, type] of Object.entries(PROVENANCE)) {
    t.equal(recogniseProvenance(sample(name)), type, name);
    t.equal(recogniseSbom(sample(name)), null, name);
  }
  t.end();
});

t.test('spellings that tools use are the same document', (t) => {
  const same: [name: string, edit: (text: string) => string][] = [
    ['bom.cdx.json', (text) => `\uFEFF${text}`],
    ['bom.cdx.json', (text) => JSON.stringify(JSON.parse(text))],
    [
      'bom.cdx.xml',
      (text) =>
        text
          .replace(/<(\/?)/g, '<$1c:')
          .replaceAll('c:?', '?')
          .replace('<c:!', '<!')
          .replace('xmlns=', 'xmlns:c='),
    ],
    ['bom.cdx.xml', (text) => text.replaceAll('"', "'").replace('xmlns=', 'xmlns = ')],
    ['bom.spdx', (text) => text.replaceAll('\n', '\r\n')],
    ['bom.spdx3.json', (text) => text.replace(/("@context": )(".*?")/, '$1["x", $2]')],
  ];
  for (const [name, edit] of same) {
    const text = edit(sample(name).toString());
    t.not(text, sample(name).toString());
    t.equal(
      recogniseSbom(Buffer.from(text)),
      SBOMS[name as keyof typeof SBOMS],
      text.slice(0, 120),
    );
  }
  const old = sample('build.intoto.json')
    .toString()
    .replace('Statement/v1', 'Statement/v0.1');
  t.equal(recogniseProvenance(Buffer.from(old)), PROVENANCE['build.intoto.json']);
  t.end();
});

t.test(
  'what is cut short, packed, of another version or of nothing is not taken',
  (t) => {
    const swap = (name: string, from: string | RegExp, to: string): string => {
      const text = sample(name).toString();
      const changed = text.replace(from, to);
      if (changed === text) throw new Error(`${name} has no ${from}`);
      return changed;
    };
    const half = (name: string): string =>
      sample(name)
        .toString()
        .slice(0, sample(name).length / 2);
    const sboms = {
      nothing: '',
      'a list': '[]',
      'an object of nothing': '{}',
      null: 'null',
      'half of the JSON': half('bom.cdx.json'),
      'half of the XML': half('bom.cdx.xml'),
      'another format': swap('bom.cdx.json', '"CycloneDX"', '"Cyclone"'),
      'no version': swap('bom.cdx.json', '"specVersion": "1.6",', ''),
      'another name space': swap('bom.cdx.xml', 'cyclonedx.org', 'example.org'),
      'another root element': swap('bom.cdx.xml', '<bom ', '<bomb '),
      'the name space under another prefix': swap('bom.cdx.xml', 'xmlns=', 'xmlns:c='),
      'a page that speaks of it': `<html>${sample('bom.cdx.xml').toString()}</html>`,
      'SPDX of nobody': swap('bom.spdx.json', 'SPDX-2.3', 'SPDX-9'),
      'a part of SPDX': swap('bom.spdx.json', 'SPDXRef-DOCUMENT', 'SPDXRef-Package'),
      'SPDX 3 without its graph': swap('bom.spdx3.json', '@graph', 'graph'),
      'tag-value that begins with something else': `Hello: world\n${sample('bom.spdx').toString()}`,
      'tag-value without a document': swap(
        'bom.spdx',
        'SPDXRef-DOCUMENT\n',
        'SPDXRef-X\n',
      ),
    };
    for (const [why, text] of Object.entries(sboms))
      t.equal(recogniseSbom(Buffer.from(text)), null, why);
    t.equal(recogniseSbom(Buffer.from([0x1f, 0x8b, 8, 0])), null, 'gzip');
    const provenance = {
      nothing: '',
      'an object of nothing': '{}',
      'half of it': half('build.intoto.json'),
      'another type': swap('build.intoto.json', 'Statement/v1', 'Statement/v2'),
      'about nothing': swap(
        'build.intoto.json',
        /"subject": \[[^]*?\],/,
        '"subject": [],',
      ),
      'without a predicate': swap('build.intoto.json', 'predicateType', 'type'),
      'an unsigned envelope': swap('build.dsse.json', /\[.*\]/, '[]'),
      'an envelope of something else': swap('build.dsse.json', 'in-toto', 'other'),
      'an envelope of a broken statement': swap(
        'build.dsse.json',
        '"payload": "',
        '$&AAAA',
      ),
      'a bundle of a bare message': swap(
        'build.sigstore.json',
        'dsseEnvelope',
        'message',
      ),
    };
    for (const [why, text] of Object.entries(provenance))
      t.equal(recogniseProvenance(Buffer.from(text)), null, why);
    t.end();
  },
);
