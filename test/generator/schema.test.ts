import { Ajv, type ValidateFunction } from 'ajv';
import addFormats from 'ajv-formats';
import { readFileSync } from 'node:fs';
import t from 'tap';
import { parseSignatures } from '../../client/format/minisign/signature.ts';
import { parseRoot } from '../../client/format/root.ts';
import {
  encodeSchema,
  jsonSchema,
  jsonSchemas,
  SCHEMA_TYPES,
} from '../../generator/schema.ts';
import { accepted, acceptedNames, refused } from '../support/documents.ts';

/** Ajv knows nothing of our parsers: what it says of a document is a second opinion. */
function validator(): Ajv {
  const ajv = new Ajv({ strict: true, allErrors: true });
  addFormats.default(ajv);
  return ajv;
}

const ajv = validator();
const validators = new Map(
  Object.entries(jsonSchemas()).map(([type, schema]) => [type, ajv.compile(schema)]),
);

const NAMES = SCHEMA_TYPES.flatMap((type) => acceptedNames(type));

function validatorOf(type: string): ValidateFunction {
  const validate = validators.get(type);
  if (validate === undefined) throw new Error(`no schema for ${type}`);
  return validate;
}

t.test('every accepted document fits its schema', (t) => {
  for (const name of NAMES) {
    const validate = validatorOf(name.split('-')[0] ?? '');
    const fits = validate(JSON.parse(accepted(name).toString()));
    t.equal(fits, true, `${name}: ${ajv.errorsText(validate.errors)}`);
  }
  t.end();
});

t.test('refused documents do not fit, unless it takes more than a schema', (t) => {
  for (const type of SCHEMA_TYPES) {
    for (const { reason, bytes, beyond_schema = false } of refused(type)) {
      const fits = validatorOf(type)(JSON.parse(bytes.toString()));
      t.equal(fits, beyond_schema, `${type}: ${reason}`);
    }
  }
  t.end();
});

const FIELDS: [type: string, edit: object, why: string][] = [
  ['pointer', { type: 'manifest' }, 'must be equal to constant'],
  ['pointer', { format: 2 }, 'must be equal to constant'],
  ['pointer', { serial: 0 }, 'must be >= 1'],
  ['pointer', { issued: '2026-02-30T00:00:00Z' }, 'must match format "date-time"'],
  ['pointer', { version: '1.0.0-01' }, 'must match pattern'],
  ['pointer', { manifests: {} }, 'must NOT have fewer than 1 properties'],
  ['pointer', { product: 'constructor' }, 'must NOT be valid'],
  ['root', { keys: { short: 'RW' } }, 'property name must be valid'],
  ['root', { floors: [1] }, 'must be object'],
  ['manifest', { components: [{}] }, "must have required property 'install_path'"],
  ['manifest', { update_type: 'delta' }, 'must be equal to one of the allowed values'],
];

t.test('a schema names what does not fit', (t) => {
  const samples: Record<string, string> = { manifest: 'manifest-component' };
  for (const [type, edit, why] of FIELDS) {
    const name = samples[type] ?? `${type}-minimal`;
    const document = JSON.parse(accepted(name).toString()) as object;
    const validate = validatorOf(type);
    t.equal(validate({ ...document, ...edit }), false);
    t.match(ajv.errorsText(validate.errors), why);
  }
  t.end();
});

t.test('unknown fields fit, as the parsers pass over them', (t) => {
  for (const name of NAMES) {
    const document = JSON.parse(accepted(name).toString()) as object;
    t.ok(validatorOf(name.split('-')[0] ?? '')({ ...document, unknown: [1] }), name);
  }
  t.end();
});

t.test('a schema says what it is, and is the same bytes each time', (t) => {
  for (const type of SCHEMA_TYPES) {
    const schema = jsonSchema(type);
    t.equal(schema['$schema'], 'http://json-schema.org/draft-07/schema#');
    t.equal(schema['$id'], `urn:quantix-ota:${type}:1`);
    t.strictSame(Object.keys(schema).slice(0, 5), [
      '$schema',
      '$id',
      'title',
      'description',
      'type',
    ]);
    t.strictSame(encodeSchema(type), encodeSchema(type));
    t.strictSame(JSON.parse(encodeSchema(type).toString()), schema);
  }
  t.end();
});

const README = readFileSync(
  new URL('../../client/format/README.md', import.meta.url),
  'utf8',
);

/** Names of all fields that a schema knows, at every level. */
function fieldsOf(schema: unknown): string[] {
  if (typeof schema !== 'object' || schema === null) return [];
  const own = 'properties' in schema ? Object.keys(schema.properties as object) : [];
  return [...own, ...Object.values(schema).flatMap(fieldsOf)];
}

t.test('the specification names every field', (t) => {
  const code = README.match(/`[^`\n]+`/g) ?? [];
  const words = new Set(code.flatMap((span) => span.match(/\w+/g) ?? []));
  for (const [type, schema] of Object.entries(jsonSchemas())) {
    for (const field of new Set(fieldsOf(schema)))
      t.ok(words.has(field), `${type}: ${field}`);
  }
  t.end();
});

t.test('the examples in the specification are what it says they are', (t) => {
  const [json = ''] = README.match(/(?<=```json\n)[^`]*/) ?? [];
  t.strictSame(parseRoot(Buffer.from(json)), parseRoot(accepted('root-minimal')));
  const [text = ''] = README.match(/(?<=```text\n)untrusted[^`]*/) ?? [];
  t.equal(parseSignatures(Buffer.from(text)).length, 1);
  t.end();
});
