import t from 'tap';
import {
  encodeClientState,
  newClientState,
  newRepositoryMemory,
  parseClientState,
} from '../../../client/format/client-state.ts';
import { accepted, refused } from '../../support/documents.ts';
import { refusal, refusesAll } from '../../support/refusal.ts';

t.test('a state is written as it was read, fields of later clients included', (t) => {
  const bytes = accepted('client-state');
  const state = parseClientState(bytes);
  t.strictSame(encodeClientState(state), bytes);
  t.strictSame(state['x_later'], { by: 'a newer client' });
  t.strictSame(state.repositories['example']?.['x_later'], [1]);
  t.end();
});

t.test('a new state can be read back', (t) => {
  const state = {
    ...newClientState(),
    repositories: { example: newRepositoryMemory(3) },
  };
  t.strictSame(parseClientState(encodeClientState(state)), state);
  t.end();
});

t.test('what a state must not say', (t) => {
  refusesAll(t, parseClientState, refused('client-state'));
});

t.test('a state that a crash emptied, zeroed or cut is refused', (t) => {
  const bytes = accepted('client-state');
  const broken = [Buffer.alloc(0), Buffer.alloc(512), bytes.subarray(0, 300)];
  for (const each of broken) {
    t.match(
      refusal(() => parseClientState(each, 'state-0.json')),
      {
        code: 'malformed',
        where: 'state-0.json',
      },
    );
  }
  t.end();
});
