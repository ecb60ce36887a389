import { MICRO_USD_PER_USD } from '../domain/money.ts';
import type { ShareMeasure } from '../domain/policy.ts';
import type { Problem } from './option.ts';

/** What the cheapest lot should count at least in the model: far above the solver's absolute tolerance of 1e-7. */
const LEAST = 1e-3;

/**
 * The units of a model: accelerators and accelerator-hours as they are, money in dollars; in less where some lot costs next to nothing, so
 * that caps on money are exact among such lots as well.
 */
export class ModelUnits {
  readonly #microUsd: number;

  constructor({ options }: Pick<Problem, 'options'>) {
    let least = LEAST * MICRO_USD_PER_USD;
    for (const own of options) {
      for (const { weight } of own) {
        for (const amount of [weight.amounts.spend, weight.amounts['effective-cost']]) {
          if (amount > 0 && amount < least) least = amount;
        }
      }
    }
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
