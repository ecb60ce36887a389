import type { MicroUsdPerHour } from '../domain/money.ts';
import { scaleMoney } from '../domain/money.ts';
import type { PlanOffer } from '../domain/plan.ts';
import type { Policy } from '../domain/policy.ts';
import type { Pool } from '../domain/pool.ts';
import { globMatches } from '../domain/workload.ts';

/** Hours of work that one interruption costs: checkpoint lost, machine started, data loaded. */
export const RESTART_LOSS_HOURS = 0.25;

/** An estimate of 0 would make a cost infinite; below this, chances are all alike. */
const LEAST_SUCCESS_PROBABILITY = 0.001;

/**
 * The price that shares, caps and costs count: list or spot price × the first adjustment whose pattern and market match. Never below 1
 * micro-dollar: capacity that is paid for already can count as nearly free, but a share of nothing could not be computed.
 */
export function adjustedPrice(
  policy: Pick<Policy, 'priceAdjustments'>,
  pool: Pool,
  price: MicroUsdPerHour,
): MicroUsdPerHour {
  const name = `${pool.provider}:${pool.region}:${pool.instanceType}`;
  const adjustment = policy.priceAdjustments.find(
    ({ match, market }) => (market == null || market === pool.market) && globMatches(match, name),
  );
  return adjustment === undefined ? price : Math.max(1, scaleMoney(price, adjustment.factor));
}

/**
 * What `machines` machines that stand or fall together cost per hour of work, for ranking only (a float of micro-dollars):
 * price × machines ÷ throughput ÷ chance of success × (1 + interruptions per machine-hour × machines × restart loss).
 */
export function rankedCost(
  adjusted: MicroUsdPerHour,
  machines: number,
  throughput: number,
  offer: Pick<PlanOffer, 'successProbability' | 'interruptionsPerHour'>,
): number {
  const chance = Math.min(1, Math.max(LEAST_SUCCESS_PROBABILITY, offer.successProbability));
  const interruption = 1 + offer.interruptionsPerHour * machines * RESTART_LOSS_HOURS;
  return ((adjusted * machines) / throughput / chance) * interruption;
}
