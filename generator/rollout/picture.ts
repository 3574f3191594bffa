import { formatTable } from '../../client/terminal/text.ts';
import type { Fleet, Simulated, SimulatedHour } from './simulate.ts';

const ROWS_MAX = 48;
const BAR_COLUMNS = 40;

/** What a simulation says, for a person: one line for each hour, or for every so many where there are more than fit. */
export function drawSimulation(simulated: Simulated, fleet: Fleet): string {
  const { hours, installed, pausedAfterHours } = simulated;
  const every = Math.ceil(hours.length / ROWS_MAX);
  const shown = hours.filter((_, at) => at % every === 0 || at === hours.length - 1);
  const rows = shown.map((each) => row(each, fleet));
  const head = ['hour', 'let through', 'have it', '', ''];
  const end =
    pausedAfterHours === null
      ? `${installed} of ${fleet.hosts} hosts have it`
      : `paused after ${pausedAfterHours} h: ${installed} of ${fleet.hosts} hosts have it, and no other host takes it`;
  return `${formatTable([head, ...rows], [0, 1, 2, 3])}\n${end}`;
}

function row(
  { hour, installed, sharePercent }: SimulatedHour,
  { hosts }: Fleet,
): string[] {
  const share = installed / hosts;
  const bar = '='.repeat(Math.round(share * BAR_COLUMNS));
  return [`${hour}`, percent(sharePercent), `${installed}`, percent(share * 100), bar];
}

function percent(value: number): string {
  return `${value.toFixed(1)} %`;
}
