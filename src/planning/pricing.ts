import type { MicroUsdPerHour } from '../domain/money.ts';
import { scaleMoney } from '../domain/money.ts';
import type { PlanOffer } from '../domain/plan.ts';
import type { Policy } from '../domain/policy.ts';
import type { Pool } from '../domain/pool.ts';
import { regionKey } from '../domain/pool.ts';
import type { WorkloadSpec } from '../domain/workload.ts';
import { globMatches } from '../domain/workload.ts';

/** Hours of work that one interruption costs: checkpoint lost, machine started, data loaded. */
export const RESTART_LOSS_HOURS = 0.25;

/** An estimate of 0 would make a cost infinite; below this, chances are all alike. */
const LEAST_SUCCESS_PROBABILITY = 0.001;

/**
 * The price that shares, caps and costs count: list or spot price × the first adjustment whose pattern and market match. Never below 1
 * micro-dollar: capacity that is paid for already can count as nearly free, but a share of nothing could not be computed.
 * Agreements are the account's, so those of all policies count, in the policies' order.
 */
export function adjustedPrice(
  policies: readonly Pick<Policy, 'priceAdjustments'>[],
  pool: Pool,
  price: MicroUsdPerHour,
): MicroUsdPerHour {
  const name = `${pool.provider}:${pool.region}:${pool.instanceType}`;
  for (const { priceAdjustments } of policies) {
    const adjustment = priceAdjustments.find(
      ({ match, market }) => (market == null || market === pool.market) && globMatches(match, name),
    );
    if (adjustment !== undefined) return Math.max(1, scaleMoney(price, adjustment.factor));
  }
  return price;
}

/**
 * What `machines` machines that stand or fall together cost per hour of work without egress (a float of micro-dollars):
 * price × machines ÷ throughput ÷ chance of success × (1 + interruptions per machine-hour × machines × restart loss).
 */
export function machineCost(
  adjusted: MicroUsdPerHour,
  machines: number,
  throughput: number,
  offer: Pick<PlanOffer, 'successProbability' | 'interruptionsPerHour'>,
): number {
  const chance = Math.min(1, Math.max(LEAST_SUCCESS_PROBABILITY, offer.successProbability));
  const interruption = 1 + offer.interruptionsPerHour * machines * RESTART_LOSS_HOURS;
  return ((adjusted * machines) / throughput / chance) * interruption;
}

/** What reading the workload's data costs `machines` machines at the pool per hour of work; nothing at its home. */
export function egressCost(
  { data }: Pick<WorkloadSpec, 'data'>,
  pool: Pick<Pool, 'provider' | 'region'>,
  machines: number,
  policy: Pick<Policy, 'egressMicroUsdPerGb'>,
): number {
  if (data === null || data.home === pool.provider || data.home === regionKey(pool)) return 0;
  return data.gbPerHour * machines * policy.egressMicroUsdPerGb;
}
