import { execFileSync } from 'node:child_process';
import fs from 'node:fs';
import https from 'node:https';
import net from 'node:net';
import tls from 'node:tls';
import t from 'tap';
import { needs } from '../support/needs.ts';
import { configureServe, curl, makeSite, startServing } from '../support/serving.ts';
import { snapshot } from '../support/snapshot.ts';

/** Callers that are wrong, loud, slow or hostile: what they are told, and that nobody else notices. */

const PROGRAMS = ['curl', 'openssl'];
const JSON_BODY = ['-H', 'Content-Type: application/json'];

/** Letters that a path may be written in without being the path that it looks like. */
const TRICKS = [
  '../updates/status',
  '../../v1/updates/status',
  './status',
  '%73tatus',
  'vdc/../status',
  'vdc/%2e%2e/status',
  '%2e%2e/%2e%2e/%2e%2e/etc/passwd',
  '..%2f..%2f..%2fetc%2fpasswd',
  '/status',
  'status/',
  'status;a=b',
  'status%00',
  'STATUS',
  'constructor',
  '__proto__',
  'vdc',
  '',
];

t.test(
  'what is asked wrongly is told so, and changes nothing',
  needs(...PROGRAMS),
  async (t) => {
    const site = await makeSite(t);
    const { ask, token, port, running } = await startServing(t, site.host);
    const auth = ['-H', token()];
    const before = snapshot(site.host.path('/data'));

    for (const name of TRICKS) {
      const reply = await ask(name, '--path-as-is');
      t.match(reply, { status: 404, value: { error: 'not_found' } }, name);
    }
    const whole = `https://localhost:${port}`;
    for (const target of [`${whole}/api/v1/updates/status`, '*'])
      t.equal((await ask('', '--request-target', target)).status, 404, target);
    t.equal(
      (await ask('status?channel=../../etc')).status,
      200,
      'a query says nothing here',
    );

    for (const [name, method, allow] of [
      ['status', 'POST', 'GET, HEAD'],
      ['status', 'DELETE', 'GET, HEAD'],
      ['apply', 'GET', 'POST'],
      ['config', 'PATCH', 'GET, HEAD, PUT'],
      ['vdc/apply', 'TRACE', 'POST'],
    ] as const) {
      const reply = await ask(name, '-X', method);
      t.match(reply, { status: 405, headers: { allow } }, `${method} ${name}`);
    }
    const head = await ask('version', '--head');
    t.match(head, { status: 200, body: '' });

    const bodies: [string, string, number][] = [
      ['a field', '{"force": true}', 400],
      ['a list', '[1]', 400],
      ['null', 'null', 400],
      ['no JSON', '{', 400],
      ['deep', '['.repeat(5000), 400],
      ['no text at all', '\u0001', 400],
      ['17 KiB', JSON.stringify({ a: 'x'.repeat(17 * 1024) }), 413],
    ];
    for (const [what, body, status] of bodies)
      for (const name of ['apply', 'reset', 'vdc/apply']) {
        const reply = await ask(name, '-X', 'POST', ...JSON_BODY, ...auth, '-d', body);
        t.equal(reply.status, status, `${name}: ${what}`);
      }
    t.equal((await ask('status', '-H', `X-Long: ${'x'.repeat(20_000)}`)).status, 431);
    t.equal(
      (await ask('status', '--http1.0', '--no-alpn', '-H', 'Host:')).status,
      421,
      'a host without a name',
    );

    const big = `${site.dir}/big`;
    fs.writeFileSync(big, '');
    fs.truncateSync(big, 100_000_000);
    for (const words of [
      ['-H', 'Expect: 100-continue'],
      ['-H', 'Expect:'],
      ['-H', 'Expect:', '-H', 'Transfer-Encoding: chunked'],
    ]) {
      const put = [
        '-X',
        'PUT',
        ...JSON_BODY,
        ...auth,
        '--data-binary',
        `@${big}`,
        ...words,
      ];
      const reply = await ask('config', ...put);
      t.match(reply, { status: 413, value: { error: 'too_large' } }, words.join(' '));
    }
    t.ok(peakMemory(running.child.pid) < 200e6, 'none of it was kept');
    const { 'updates/update.log': log, ...after } = snapshot(site.host.path('/data'));
    t.ok(log, 'that a change was asked for is in the log');
    t.same(after, before);
  },
);

/** Bytes. */
function peakMemory(pid = 0): number {
  const [, kB] =
    /^VmHWM:\s+(\d+) kB/m.exec(fs.readFileSync(`/proc/${pid}/status`, 'utf8')) ?? [];
  return Number(kB) * 1000;
}

t.test(
  'who opens connections and says nothing shuts out only himself',
  needs(...PROGRAMS),
  async (t) => {
    const site = await makeSite(t);
    const { ask, port } = await startServing(t, site.host);
    const slow = tls.connect({ port, host: '127.0.0.1', rejectUnauthorized: false });
    t.teardown(() => slow.destroy());
    let slowEnded = false;
    slow.on('error', () => undefined).on('close', () => (slowEnded = true));
    slow.write('GET /api/v1/updates/status HTTP/1.1\r\nHost: localhost\r\nX-A: ');
    const drip = setInterval(() => slow.write('a'), 200);
    t.teardown(() => clearInterval(drip));
    const silent = Array.from({ length: 400 }, () => net.connect(port, '127.0.0.1'));
    t.teardown(() => silent.forEach((socket) => socket.destroy()));
    for (const socket of silent) socket.on('error', () => undefined);
    await Promise.all(
      silent.map((socket) => new Promise((resolve) => socket.once('connect', resolve))),
    );
    t.equal((await ask('version')).status, 200);
    t.equal(
      (await ask('apply', '-X', 'POST', '-H', 'X-Forwarded-For: 10.0.0.9')).status,
      401,
    );
    const limit = Date.now() + 60_000;
    while (!slowEnded && Date.now() < limit)
      await new Promise((resolve) => setTimeout(resolve, 100));
    t.ok(slowEnded, 'a letter at a time does not hold one for ever');
  },
);

t.test('who asks without end is told to wait', needs(...PROGRAMS), async (t) => {
  const site = await makeSite(t);
  const { port, ask } = await startServing(t, site.host);
  const agent = new https.Agent({ keepAlive: true, rejectUnauthorized: false });
  t.teardown(() => agent.destroy());
  const post = (): Promise<number> =>
    new Promise((resolve, reject) => {
      const url = `https://localhost:${port}/api/v1/updates/reset`;
      const request = https.request(url, { method: 'POST', agent }, (reply) => {
        reply.resume().on('end', () => resolve(reply.statusCode ?? 0));
      });
      request.on('error', reject).end();
    });
  const statuses = new Set<number>();
  for (let n = 0; n < 30; n += 1)
    for (const status of await Promise.all(Array.from({ length: 10 }, post)))
      statuses.add(status);
  t.same([...statuses].sort(), [401, 429]);
  t.equal((await ask('status')).status, 200, 'reading goes on');
});

t.test(
  'a certificate is made once, kept to ourselves, and renewed when it is none',
  needs(...PROGRAMS),
  async (t) => {
    const site = await makeSite(t);
    const folder = site.host.path('/data/updates/serve');
    const read = (): string => fs.readFileSync(`${folder}/cert.pem`, 'utf8');
    const first = await startServing(t, site.host);
    const made = read();
    for (const name of ['key.pem', 'token'])
      t.equal(fs.statSync(`${folder}/${name}`).mode & 0o777, 0o600, name);
    t.equal(fs.statSync(folder).mode & 0o777, 0o700);
    const text = execFileSync('openssl', ['x509', '-noout', '-ext', 'subjectAltName'], {
      input: made,
    }).toString();
    t.match(text, /DNS:localhost.*IP Address:127\.0\.0\.1/);
    const url = `https://localhost:${first.port}/api/v1/updates/version`;
    t.equal(
      (await curl(['--cacert', `${folder}/cert.pem`, url])).status,
      200,
      'who knows it may check it',
    );
    await first.kill();
    const second = await startServing(t, site.host);
    t.equal(read(), made);
    await second.kill();
    fs.writeFileSync(`${folder}/cert.pem`, 'torn');
    await startServing(t, site.host);
    t.match(read(), /BEGIN CERTIFICATE/);
    t.not(read(), made);
  },
);

t.test(
  'what serve cannot begin with ends it with the reason',
  needs(...PROGRAMS),
  async (t) => {
    const site = await makeSite(t);
    const { host } = site;
    const taken = net.createServer().listen(0, '127.0.0.1');
    t.teardown(() => taken.close());
    await new Promise((resolve) => taken.once('listening', resolve));
    const { port } = taken.address() as net.AddressInfo;
    for (const name of ['a', 'b', 'loose']) {
      const words = `req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -subj /CN=${name} -keyout ${name}.key -out ${name}.pem`;
      execFileSync('openssl', words.split(' '), {
        cwd: host.path('/quantix'),
        stdio: 'ignore',
      });
    }
    fs.writeFileSync(host.path('/quantix/text'), 'no certificate\n');
    fs.chmodSync(host.path('/quantix/loose.key'), 0o666);
    const pem = (name: string): string => `/quantix/${name}`;
    const rows: [string, Record<string, unknown>, string[], number, RegExp][] = [
      [
        'a port that is taken',
        { listen: `127.0.0.1:${port}` },
        [],
        78,
        /cannot listen[^]*EADDRINUSE/,
      ],
      ['nothing to listen at', { listen: 'none' }, [], 78, /nothing to listen at/],
      ['half a certificate', { cert: pem('a.pem') }, [], 78, /go together/],
      [
        'a key of another',
        { cert: pem('a.pem'), key: pem('b.key') },
        [],
        78,
        /key is not the one/,
      ],
      [
        'what is no certificate',
        { cert: pem('text'), key: pem('a.key') },
        [],
        78,
        /no certificate/,
      ],
      [
        'a key that others could change',
        { cert: pem('loose.pem'), key: pem('loose.key') },
        [],
        78,
        /others could change[^]*loose\.key/,
      ],
      [
        'no such file',
        { cert: pem('none'), key: pem('a.key') },
        [],
        78,
        /no such file[^]*none/,
      ],
      [
        'a key that is not known',
        { listn: '127.0.0.1:1' },
        [],
        78,
        /update\.toml:\d+:1[^]*listn/,
      ],
      [
        'an origin with a path',
        { allowed_origins: ['https://a/b'] },
        [],
        78,
        /an origin as browsers/,
      ],
      ['every origin', { allowed_origins: ['*'] }, [], 78, /an origin as browsers/],
      ['no such port', {}, ['--listen', '127.0.0.1:70000'], 78, /no such port/],
      ['no address', {}, ['--listen', 'here'], 2, /--listen does not fit/],
      ['no style', {}, ['--style', 'loud'], 2, /--style does not fit/],
    ];
    for (const [what, keys, words, status, reason] of rows) {
      configureServe(host, keys);
      const ended = await host.run(['serve', ...words], { timeoutMs: 30_000 });
      t.equal(ended.status, status, `${what}: ${ended.stderr}`);
      t.match(ended.stderr, reason, what);
    }
    configureServe(host, { cert: pem('a.pem'), key: pem('a.key') });
    const serving = await startServing(t, host);
    const url = `https://a:${serving.port}/api/v1/updates/version`;
    const words = [
      '--resolve',
      `a:${serving.port}:127.0.0.1`,
      '--cacert',
      host.path(pem('a.pem')),
    ];
    t.equal(
      (await curl([...words, '-H', 'Host: localhost', url])).status,
      200,
      'the one that is named',
    );
  },
);
