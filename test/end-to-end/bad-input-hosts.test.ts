import type { IncomingMessage, ServerResponse } from 'node:http';
import t from 'tap';
import { refuseRows, type Row } from '../support/bad-input.ts';
import { at, endless, nextRelease, type Publish } from '../support/bad-tree.ts';

const POINTER = /channels\/quantix-os\/stable\.json/;
const ALL = /^\//;
const PAGE = '<!DOCTYPE html><html><body>Welcome!</body></html>';
const HTML = { 'content-type': 'text/html; charset=utf-8' };

type Answer = (reply: ServerResponse, request: IncomingMessage) => unknown;

/** A good release 1.1.0, and a host that answers like this wherever the pattern fits. */
function host(answer: Answer, pattern = ALL): Publish {
  return (forge) => {
    nextRelease(forge);
    return at(pattern, answer);
  };
}

const status = (code: number, headers: Record<string, string> = {}): Answer => {
  return (reply) => reply.writeHead(code, headers).end('an error page');
};

const to = (location: string): Answer => status(302, { location });

const WRONG_ANSWERS: Row[] = [
  {
    name: '200 with an HTML page for everything',
    publish: host((reply) => reply.writeHead(200, HTML).end(PAGE)),
    exit: 10,
    says: {
      error: /this host answers 200 for missing files/,
      where: POINTER,
      expected: /status 404/,
      found: /Welcome!/,
    },
  },
  {
    name: '200 with an HTML page for manifests',
    publish: host((reply) => reply.writeHead(200, HTML).end(PAGE), /^\/manifests/),
    exit: 10,
    verified: 'pointer',
    says: {
      error: /answers 200 for missing files/,
      where: /\/manifests\//,
      found: /Wel/,
    },
  },
  {
    name: '200 with an HTML page for objects',
    publish: host((reply) => reply.writeHead(200, HTML).end(PAGE), /^\/objects/),
    exit: 10,
    verified: 'manifest',
    staged: 'part',
    says: { error: /answers 200 for missing files/, where: /\/objects\//, found: /Wel/ },
  },
  ...[404, 403].map((code): Row => ({
    name: `${code} for everything`,
    publish: host(status(code)),
    exit: 10,
    says: {
      error: /no such channel/,
      where: POINTER,
      expected: /quantix-os stable/,
      found: /404 or 403/,
    },
  })),
  ...[401, 410, 500, 502, 503].map((code): Row => ({
    name: `${code} for everything`,
    publish: host(status(code)),
    exit: 10,
    says: {
      error: /the host answered with an error/,
      where: POINTER,
      expected: /200/,
      found: new RegExp(`status ${code}`),
    },
  })),
  {
    name: '500 for objects',
    publish: host(status(500), /^\/objects/),
    exit: 10,
    verified: 'manifest',
    says: { error: /answered with an error/, where: /\/objects\//, found: /status 500/ },
  },
  {
    name: '503 with a Retry-After of an hour is not waited for',
    publish: host(status(503, { 'retry-after': '3600' })),
    config: { retries: 5 },
    exit: 10,
    says: {
      error: /answered with an error/,
      where: POINTER,
      found: /status 503/,
      hint: /come back in 3600 s/,
    },
  },
  {
    name: '503 with a Retry-After of a second, again and again',
    publish: host(status(503, { 'retry-after': '1' })),
    config: { retries: 1 },
    exit: 10,
    says: { error: /answered with an error/, where: POINTER, found: /status 503/ },
  },
  {
    name: '304 to a request that set no condition',
    publish: host(status(304)),
    exit: 10,
    says: { error: /./, where: POINTER, found: /304/ },
  },
  {
    name: '206 to a request for the whole',
    publish: host((reply) =>
      reply.writeHead(206, { 'content-range': 'bytes 0-3/9' }).end('part'),
    ),
    exit: 10,
    says: { error: /answered with an error/, where: POINTER, found: /status 206/ },
  },
  {
    name: 'a compressed answer that nobody asked for',
    publish: host((reply) => reply.writeHead(200, { 'content-encoding': 'gzip' }).end()),
    exit: 10,
    says: {
      error: /compressed/,
      where: POINTER,
      expected: /no Content-Encoding/,
      found: /gzip/,
    },
  },
];

const REDIRECTS: Row[] = [
  {
    name: 'a redirect to itself',
    publish: host((reply, request) => to(request.url ?? '/')(reply, request)),
    exit: 10,
    says: { error: /redirect/, where: POINTER },
  },
  {
    name: 'two redirects to each other',
    publish: host((reply, request) =>
      to(request.url === '/a' ? '/b' : '/a')(reply, request),
    ),
    exit: 10,
    says: { error: /redirect/ },
  },
  {
    name: 'a redirect to a file of this machine',
    publish: host(to('file:///etc/passwd')),
    exit: 10,
    says: { error: /redirect/, found: /file:/ },
  },
  {
    name: 'a redirect without a place',
    publish: host(status(302)),
    exit: 10,
    says: { error: /redirect/, where: POINTER },
  },
];

const STALLS: Row[] = [
  {
    name: 'a host that never answers',
    publish: host(() => undefined),
    config: { connect_timeout: '1s' },
    exit: 10,
    says: { error: /does not answer/, where: POINTER },
  },
  {
    name: 'a body that stalls',
    publish: host((reply) => {
      reply.writeHead(200, { 'content-length': 500 }).write('{');
    }),
    config: { stall_timeout: '1s' },
    exit: 10,
    says: { error: /stalled/, where: POINTER },
  },
  {
    name: 'an object that stalls: what came is kept',
    publish: host((reply) => {
      reply.writeHead(200, { 'content-length': 21 }).write('#!/bin/sh');
    }, /^\/objects/),
    config: { stall_timeout: '1s' },
    exit: 10,
    verified: 'manifest',
    staged: 'part',
    says: { error: /stalled/, where: /\/objects\// },
  },
  {
    name: 'an object of another length that stalls',
    publish: host((reply) => {
      reply.writeHead(200, { 'content-length': 23 }).write('#!/bin/sh');
    }, /^\/objects/),
    exit: 21,
    verified: 'manifest',
    says: { error: /another length/, where: /\/objects\//, found: /23 bytes/ },
  },
  {
    name: 'a body that breaks off',
    publish: host((reply) => {
      reply.writeHead(200, { 'content-length': 500 });
      reply.write('{', () => reply.destroy());
    }),
    exit: 10,
    says: { error: /./, where: POINTER },
  },
  {
    name: 'a connection that is closed without an answer',
    publish: host((reply) => reply.destroy()),
    exit: 10,
    says: { error: /./, where: POINTER },
  },
  {
    name: 'something that is not HTTP',
    publish: host((reply) => reply.socket?.end('SSH-2.0-OpenSSH_9.2\r\n')),
    exit: 10,
    says: { error: /./, where: POINTER },
  },
  {
    name: 'headers without an end',
    publish: host((reply) =>
      reply.socket?.end(`HTTP/1.1 200 OK\r\nX: ${'x'.repeat(1e6)}`),
    ),
    exit: 10,
    says: { error: /./, where: POINTER },
  },
  {
    name: 'a root without an end',
    publish: host(endless, /^\/root\/2\.json/),
    exit: 23,
    says: { error: /longer than it may be/, where: /root\/2/, expected: /65536 bytes/ },
  },
  {
    name: 'a signature without an end',
    publish: host(endless, /^\/signatures/),
    exit: 23,
    says: { error: /longer/, where: /signatures\//, expected: /16384 bytes/ },
  },
  {
    name: 'a medium that is not mounted',
    args: ['apply', '--url', 'file:///media/nowhere/public'],
    exit: 10,
    says: {
      error: /no such channel/,
      where: /file:\/\/\/media\/nowhere/,
      found: /no such file/,
      hint: /is the medium mounted/,
    },
  },
  {
    name: 'a port where nobody listens',
    args: ['apply', '--url', 'http://127.0.0.1:9'],
    exit: 10,
    says: { error: /./, where: /127\.0\.0\.1:9/, found: /ECONNREFUSED|refused/ },
  },
  {
    name: 'a name that does not exist',
    args: ['apply', '--url', 'http://updates.invalid'],
    exit: 10,
    says: { error: /./, where: /updates\.invalid/ },
  },
];

t.test('answers that are wrong', (t) => refuseRows(t, WRONG_ANSWERS));
t.test('redirects that lead astray', (t) => refuseRows(t, REDIRECTS));
t.test('hosts that stall, break off and never end', (t) => refuseRows(t, STALLS));
