import { toJsonSchema } from '@valibot/to-json-schema';
import { manifestSchema } from '../client/format/manifest.ts';
import { pointerSchema } from '../client/format/pointer.ts';
import {
  releasePageSchema,
  repositoryIndexSchema,
} from '../client/format/repository-index.ts';
import { rootSchema } from '../client/format/root.ts';
import { FORMAT, TIME } from '../client/format/shapes.ts';

const SOURCES = {
  root: rootSchema,
  pointer: pointerSchema,
  manifest: manifestSchema,
  repository: repositoryIndexSchema,
  releases: releasePageSchema,
} as const;

/** Value of the field `type` of a document that has a schema. */
export type SchemaType = keyof typeof SOURCES;

export const SCHEMA_TYPES = Object.keys(SOURCES) as SchemaType[];

const DESCRIPTION =
  'Made from the schema that the parsers use. What a schema cannot say (no key twice, ' +
  'which keys a role names, install paths that overlap, how long a pointer lives, …) ' +
  'is in client/format/README.md: a document that fits may still be refused.';

/** The JSON Schema (draft 7) of a document. Unknown fields are allowed, as they are by the parsers. */
export function jsonSchema(type: SchemaType): Record<string, unknown> {
  const { $schema, ...rest } = toJsonSchema(SOURCES[type], {
    target: 'draft-07',
    typeMode: 'output',
    errorMode: 'ignore',
    overrideAction: ({ valibotAction, jsonSchema }) =>
      'requirement' in valibotAction && valibotAction.requirement === TIME
        ? { ...jsonSchema, format: 'date-time' }
        : jsonSchema,
  });
  return {
    $schema,
    $id: `urn:quantix-ota:${type}:${FORMAT}`,
    title: `Quantix OTA ${type}, format ${FORMAT}`,
    description: DESCRIPTION,
    ...rest,
  };
}

/** The schemas of all documents. */
export function jsonSchemas(): Record<SchemaType, Record<string, unknown>> {
  const entries = SCHEMA_TYPES.map((type) => [type, jsonSchema(type)] as const);
  return Object.fromEntries(entries) as Record<SchemaType, Record<string, unknown>>;
}

/** The bytes of `schema/<type>.schema.json`. */
export function encodeSchema(type: SchemaType): Buffer {
  return Buffer.from(`${JSON.stringify(jsonSchema(type), null, 2)}\n`);
}
