import fs from 'node:fs';
import http, { type IncomingMessage } from 'node:http';
import os from 'node:os';
import path from 'node:path';
import type { Test } from 'tap';
import { freePort } from './nginx.ts';
import { start } from './process.ts';
import { ROOT } from './setup.mjs';
import { type Handler, serve } from './web.ts';

const BUCKET = 'updates';
const PROGRAM = path.join(ROOT, 'node_modules/s3rver/bin/s3rver.js');
const KEY = 'S3RVER';

export interface S3 {
  /** Where hosts read the bucket: "http://127.0.0.1:PORT/updates". */
  url: string;
  /** The bucket as publish-s3.sh takes it. */
  destinations: { aws: string; rclone: string };
  /** What both tools read their settings from. */
  env: Record<string, string>;
}

/** An S3 server from npm with one empty bucket, on a free loopback port; it ends with the test. */
export async function startS3(t: Test): Promise<S3> {
  const dir = fs.mkdtempSync(path.join(os.tmpdir(), 'quantix-s3-'));
  const port = await freePort();
  const args = ['-d', dir, '-a', '127.0.0.1', '-p', `${port}`];
  const bucket = ['--configure-bucket', BUCKET];
  const running = start(process.execPath, [PROGRAM, ...args, ...bucket], {
    timeoutMs: 3_600_000,
  });
  t.teardown(async () => {
    running.child.kill('SIGTERM');
    await running.ended;
    fs.rmSync(dir, { recursive: true, force: true });
  });
  await running.printed(/listening/);
  const { url: endpoint } = await serve(t, oneAtATime(port));
  return {
    url: `${endpoint}/${BUCKET}`,
    destinations: { aws: `s3://${BUCKET}`, rclone: `bucket:${BUCKET}` },
    env: { ...forAws(endpoint), ...forRclone(endpoint) },
  };
}

function forAws(endpoint: string): Record<string, string> {
  return {
    AWS_ENDPOINT_URL: endpoint,
    AWS_ACCESS_KEY_ID: KEY,
    AWS_SECRET_ACCESS_KEY: KEY,
    AWS_DEFAULT_REGION: 'us-east-1',
    AWS_EC2_METADATA_DISABLED: 'true',
  };
}

function forRclone(endpoint: string): Record<string, string> {
  return {
    RCLONE_CONFIG: '/dev/null',
    RCLONE_CONFIG_BUCKET_TYPE: 's3',
    RCLONE_CONFIG_BUCKET_PROVIDER: 'Other',
    RCLONE_CONFIG_BUCKET_ENDPOINT: endpoint,
    RCLONE_CONFIG_BUCKET_ACCESS_KEY_ID: KEY,
    RCLONE_CONFIG_BUCKET_SECRET_ACCESS_KEY: KEY,
    RCLONE_CONFIG_BUCKET_FORCE_PATH_STYLE: 'true',
  };
}

/**
 * In front of the server: requests for one path run one after the other. A bucket replaces an object at once,
 * while this server writes into the file that others read.
 */
function oneAtATime(port: number): Handler {
  const last = new Map<string, Promise<unknown>>();
  return (request, reply) => {
    const path = new URL(request.url ?? '/', 'http://x').pathname;
    const turn = (last.get(path) ?? Promise.resolve()).then(async () => {
      const { status, headers, body } = await forward(port, request);
      reply.writeHead(status, headers).end(body);
    });
    last.set(
      path,
      turn.catch(() => reply.destroy()),
    );
  };
}

interface Reply {
  status: number;
  headers: http.IncomingHttpHeaders;
  body: Buffer;
}

async function forward(port: number, request: IncomingMessage): Promise<Reply> {
  const { method, url, headers } = request;
  delete headers.expect;
  const body = await collect(request);
  return new Promise((resolve, reject) => {
    const options = { host: '127.0.0.1', port, method, path: url, headers };
    const call = http.request(options, (reply) => {
      const { statusCode = 500 } = reply;
      collect(reply).then((bytes) => {
        resolve({ status: statusCode, headers: reply.headers, body: bytes });
      }, reject);
    });
    call.on('error', reject);
    call.end(body);
  });
}

async function collect(stream: AsyncIterable<unknown>): Promise<Buffer> {
  const pieces: Buffer[] = [];
  for await (const piece of stream) pieces.push(piece as Buffer);
  return Buffer.concat(pieces);
}
