import { brotliCompressSync } from 'node:zlib';
import t from 'tap';
import { objectPath } from '../../client/format/tree.ts';
import { refuseRows, type Row } from '../support/bad-input.ts';
import { at, endless, flipped, nextRelease, type Publish } from '../support/bad-tree.ts';
import { sha256 } from '../support/forge.ts';

const OBJECT = /objects\/[0-9a-f]{2}\/[0-9a-f]{64}/;
const DIGEST = /[0-9a-f]{64}/;
const CONTENT = Buffer.alloc(40_000, 'quantix ');

/** The bytes of the published object changed. */
function storedObject(
  change: (bytes: Buffer) => Buffer | null,
  encoding: 'identity' | 'br' = 'identity',
): Publish {
  return (forge) => {
    const { object } = nextRelease(forge, { content: CONTENT, encoding });
    const stored = encoding === 'br' ? brotliCompressSync(CONTENT) : CONTENT;
    const bytes = change(stored);
    if (bytes === null) forge.remove(objectPath(object.sha256));
    else forge.put(objectPath(object.sha256), bytes);
  };
}

/** An object that is what its descriptor says, of a content that is something else. */
function content(
  stored: Buffer,
  claimed: { sha256: string; size: number },
  encoding: 'identity' | 'br' = 'identity',
): Publish {
  return (forge) => {
    const object = { ...forge.object(stored), encoding };
    nextRelease(forge, { component: { content: claimed, sources: [object] } });
  };
}

const described = (bytes: Buffer) => ({ sha256: sha256(bytes), size: bytes.length });

const OBJECTS: Row[] = [
  {
    name: 'an object with one bit turned over',
    publish: storedObject(flipped),
    exit: 21,
    verified: 'manifest',
    says: {
      error: /an object is not what/,
      where: OBJECT,
      expected: DIGEST,
      found: DIGEST,
    },
  },
  {
    name: 'an object cut short',
    publish: storedObject((bytes) => bytes.subarray(0, 30_000)),
    exit: 21,
    verified: 'manifest',
    says: {
      error: /an object has another length/,
      where: OBJECT,
      expected: /40000 bytes/,
      found: /30000 bytes/,
    },
  },
  {
    name: 'an object that is too long',
    publish: storedObject((bytes) => Buffer.concat([bytes, bytes])),
    exit: 21,
    verified: 'manifest',
    says: {
      error: /an object has another length/,
      where: OBJECT,
      expected: /40000 bytes/,
      found: /80000 bytes/,
    },
  },
  {
    name: 'an object without an end',
    publish: (forge) => {
      nextRelease(forge, { content: CONTENT });
      return at(OBJECT, endless);
    },
    exit: 21,
    verified: 'manifest',
    says: {
      error: /an object has another length/,
      where: OBJECT,
      expected: /40000 bytes/,
      found: /more than 40000 bytes/,
    },
  },
  {
    name: 'an object that is not there',
    publish: storedObject(() => null),
    exit: 10,
    verified: 'manifest',
    says: { error: /an object .* is missing/, where: OBJECT, hint: /publish it again/ },
  },
  {
    name: 'a connection that breaks off within an object',
    publish: (forge) => {
      nextRelease(forge, { content: CONTENT });
      return at(OBJECT, (reply) => {
        reply.writeHead(200, { 'content-length': CONTENT.length });
        reply.write(CONTENT.subarray(0, 30_000), () => reply.destroy());
      });
    },
    exit: 10,
    verified: 'manifest',
    staged: 'part',
    says: { error: /broke off|length|ended|connection/, where: OBJECT },
  },
  {
    name: 'an object whose content is another one',
    publish: content(CONTENT, { ...described(CONTENT), sha256: '1'.repeat(64) }),
    exit: 21,
    verified: 'manifest',
    says: { error: /another digest/, where: /qx-node/, expected: /1{64}/, found: DIGEST },
  },
  {
    name: 'a content that is longer than it says',
    publish: content(CONTENT, { sha256: '1'.repeat(64), size: 39_999 }),
    exit: 21,
    verified: 'manifest',
    says: {
      error: /another length/,
      where: /qx-node|1{64}/,
      expected: /39999 bytes/,
      found: /more than 39999 bytes/,
    },
  },
  {
    name: 'a content that is shorter than it says',
    publish: content(CONTENT, { sha256: '1'.repeat(64), size: 40_001 }),
    exit: 21,
    verified: 'manifest',
    says: {
      error: /another length/,
      where: /qx-node|1{64}/,
      expected: /40001 bytes/,
      found: /40000 bytes/,
    },
  },
  {
    name: 'brotli that is none',
    publish: content(CONTENT, described(CONTENT), 'br'),
    exit: 21,
    verified: 'manifest',
    says: { error: /not valid brotli/, where: /qx-node/ },
  },
  {
    name: 'brotli that ends early',
    publish: content(
      brotliCompressSync(CONTENT).subarray(0, -4),
      described(CONTENT),
      'br',
    ),
    exit: 21,
    verified: 'manifest',
    says: { error: /not valid brotli|another length/, where: /qx-node/ },
  },
  {
    name: 'a brotli bomb: 64 MiB of zeros in 60 bytes',
    publish: content(
      brotliCompressSync(Buffer.alloc(64 * 1024 * 1024)),
      described(CONTENT),
      'br',
    ),
    exit: 21,
    verified: 'manifest',
    says: {
      error: /another length/,
      expected: /40000 bytes/,
      found: /more than 40000 bytes/,
    },
  },
];

t.test('objects and contents', (t) => refuseRows(t, OBJECTS));
