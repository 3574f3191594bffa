import { PassThrough } from 'node:stream';
import t from 'tap';
import { Transcript } from './appliance/transcript.ts';

t.test('a control sequence that arrives in two pieces leaves no digits', async (t) => {
  const serial = new PassThrough();
  const transcript = new Transcript([serial], new Promise(() => undefined));
  for (const piece of [
    '\x1b[2J\x1b[0',
    '1;13HBooting `QUANTIX',
    '-A`\x1b',
    '[0m\r\nnext\n',
  ])
    serial.write(piece);
  await transcript.next(/^next$/, 5);
  t.strictSame(transcript.lines, ['Booting `QUANTIX-A`', 'next']);
});
