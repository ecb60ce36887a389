import { mostLots } from './candidates.ts';
import type { DemandClass } from './demand.ts';
import type { Supply } from './eligibility.ts';
import type { Option } from './option.ts';
import { surviveRoom } from './option.ts';
import type { Loss, Rules } from './rules.ts';
import { LOSSES } from './rules.ts';

/** No more replicas of the class than these can be placed, even if it had the market to itself. */
export function mostServable(
  demandClass: DemandClass,
  options: readonly Option[],
  rules: Rules,
  supply: Supply,
): number {
  const served = LOSSES.map((loss) => servableBy(loss, demandClass, options, rules, supply));
  return Math.min(demandClass.demand, ...served);
}

function servableBy(
  loss: Loss,
  demandClass: DemandClass,
  options: readonly Option[],
  rules: Rules,
  supply: Supply,
): number {
  let most = 0;
  for (const [subject, there] of Map.groupBy(options, ({ at }) => at.subjects[loss] ?? '')) {
    const room = surviveRoom(rules, demandClass, loss, subject) ?? demandClass.demand;
    const held = there.reduce((sum, option) => sum + option.replicasPerLot * mostLots(supply, option, room), 0);
    most += Math.min(room, held);
  }
  return most;
}
