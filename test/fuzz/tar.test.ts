import t from 'tap';
import { fuzzGroup } from './fuzz.ts';

fuzzGroup(t, 'tar');
