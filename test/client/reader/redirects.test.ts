import t from 'tap';
import { QxError } from '../../../client/format/error.ts';
import { type Hop, isRedirect, nextHop } from '../../../client/reader/redirects.ts';
import { refusal } from '../../support/refusal.ts';

const hop = (url: string): Hop => ({
  url: new URL(url),
  authorization: 'Basic c2VjcmV0',
  certificate: true,
});

t.test('a redirect within the origin keeps what identifies us', (t) => {
  const next = nextHop(hop('https://a.example/x/root/1.json'), '../y/1.json?t=1', 0);
  t.equal(next.url.href, 'https://a.example/x/y/1.json?t=1');
  t.equal(next.authorization, 'Basic c2VjcmV0');
  t.equal(next.certificate, true);
  t.end();
});

t.test(
  'another origin is shown neither Authorization nor the client certificate',
  (t) => {
    const elsewhere = [
      'https://b.example/x',
      'https://a.example:8443/x',
      '//sub.a.example/x',
    ];
    for (const location of elsewhere) {
      const next = nextHop(hop('https://a.example/x'), location, 0);
      t.equal(next.authorization, undefined, location);
      t.equal(next.certificate, false, location);
    }
    const up = nextHop(hop('http://a.example/x'), 'https://a.example/x', 0);
    t.equal(up.authorization, undefined, 'http to https');
    const away = nextHop(hop('https://a.example/x'), 'https://b.example/x', 0);
    const back = nextHop(away, 'https://a.example/x', 1);
    t.equal(back.authorization, undefined, 'nor on the way back');
    t.equal(back.certificate, false);
    t.end();
  },
);

t.test('credentials that a host puts into Location are not used', (t) => {
  const next = nextHop(hop('https://a.example/x'), 'https://me:pw@a.example/y', 0);
  t.equal(next.url.href, 'https://a.example/y');
  t.end();
});

t.test('what is refused', (t) => {
  const rows: [
    reason: string,
    from: string,
    location: string | undefined,
    part: RegExp,
  ][] = [
    ['down to http', 'https://a.example/', 'http://a.example/', /less safe/],
    ['a file', 'http://a.example/', 'file:///etc/passwd', /less safe/],
    ['a file from https', 'https://a.example/', 'file:///etc/passwd', /less safe/],
    ['data', 'https://a.example/', 'data:application/json,{}', /less safe/],
    ['ftp', 'http://a.example/', 'ftp://a.example/', /less safe/],
    ['no Location', 'http://a.example/', undefined, /no usable Location/],
    ['no URL', 'http://a.example/', 'http://[', /no usable Location/],
  ];
  for (const [reason, from, location, part] of rows) {
    const error = refusal(() => nextHop(hop(from), location, 0));
    t.equal(error.code, 'network', reason);
    t.match(error.message, part, reason);
  }
  t.end();
});

t.test('five redirects are followed and the sixth is refused', (t) => {
  t.ok(nextHop(hop('http://a.example/'), '/next', 4));
  const error = refusal(() => nextHop(hop('http://a.example/'), '/next', 5));
  t.match(error.message, /too many redirects/);
  t.end();
});

t.test('messages hold no credentials and no query', (t) => {
  const from = { ...hop('https://me:pw@a.example/x?token=1') };
  const error = refusal(() => nextHop(from, 'http://you:pw@b.example/y?token=2', 0));
  const said = JSON.stringify([error.message, error.where, error.found, error.expected]);
  t.notMatch(said, /pw|token/);
  t.match(error, { where: 'https://a.example/x', found: 'http://b.example/y' });
  t.ok(error instanceof QxError);
  t.end();
});

t.test('only the statuses that carry a Location are redirects', (t) => {
  const redirects = [300, 301, 302, 303, 304, 305, 307, 308].filter(isRedirect);
  t.same(redirects, [301, 302, 303, 307, 308]);
  t.end();
});
