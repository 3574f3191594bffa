import t from 'tap';
import { makeHost } from '../../support/sandbox.ts';

t.test('--channel takes a name, and nothing that leads elsewhere', async (t) => {
  const host = makeHost(t.testdir(), {
    url: 'http://127.0.0.1:1',
    root: Buffer.from('{}'),
  });
  for (const channel of ['../../../../x', 'B/ad', '.hidden', 'Stable']) {
    const refused = await host.run(['check', '--channel', channel]);
    t.equal(refused.status, 2, channel);
    t.match(refused.stderr, /--channel is not the name of a channel/);
  }
});
