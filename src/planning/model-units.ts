import { MICRO_USD_PER_USD } from '../domain/money.ts';
import type { ShareMeasure } from '../domain/policy.ts';
import type { Option, Problem } from './option.ts';

/** What the cheapest lot should count at least in the model: far above the solver's absolute tolerance of 1e-7. */
const LEAST = 1e-3;

/** Found once for all models of a problem. */
const leasts = new WeakMap<Problem['options'], number>();

function leastOf(options: Problem['options']): number {
  let least = LEAST * MICRO_USD_PER_USD;
  for (const own of options) {
    for (const option of own) least = Math.min(least, leastOfLot(option));
  }
  return least;
}

/** The least amount of money that a lot counts anywhere. */
function leastOfLot(option: Option): number {
  // What fresh lots count is not asked of each of them: there may be millions.
  const spend = option.running === null ? option.at.adjusted * option.machinesPerLot : option.weight.amounts.spend;
  const cost = option.running === null ? option.effectiveCostPerLot : option.weight.amounts['effective-cost'];
  return Math.min(spend > 0 ? spend : Number.POSITIVE_INFINITY, cost > 0 ? cost : Number.POSITIVE_INFINITY);
}

/**
 * The units of a model: accelerators and accelerator-hours as they are, money in dollars; in less where some lot costs next to nothing, so
 * that caps on money are exact among such lots as well.
 */
export class ModelUnits {
  readonly #microUsd: number;

  constructor({ options }: Pick<Problem, 'options'>) {
    const least = leasts.get(options) ?? leastOf(options);
    leasts.set(options, least);
    this.#microUsd = least / LEAST;
  }

  /** Micro-dollars (per hour) in the model's unit of money. */
  money(microUsd: number): number {
    return microUsd / this.#microUsd;
  }

  microUsd(money: number): number {
    return money * this.#microUsd;
  }

  /** An amount of the measure in the model's unit of it. */
  amount(measure: ShareMeasure, amount: number): number {
    return measure === 'spend' || measure === 'effective-cost' ? this.money(amount) : amount;
  }
}
