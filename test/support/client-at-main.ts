import process from 'node:process';
import { nodeEffects } from '../../client/effects/node.ts';
import { startClient } from './start-client.ts';

/** The client as main.ts starts it, on a host whose clock stands at QX_CLOCK when it starts; without it, the real clock. */
const fx = nodeEffects(process.env);
const started = Date.now();
const clock = Date.parse(process.env.QX_CLOCK ?? new Date(started).toISOString());
const now = (): number => clock + (Date.now() - started);

process.once('beforeExit', () => process.exit());
startClient({ ...fx, clock: { ...fx.clock, now } });
