import type { ShareMeasure } from '../domain/policy.ts';
import type { Supply } from './eligibility.ts';
import type { Option, Problem } from './option.ts';
import type { Rules } from './rules.ts';
import { countsShares, moneyMeasure } from './rules.ts';
import type { RowBounds } from './solver.ts';

/** An option as the model may take it up: what it costs and which rows count it. Amounts are in the model's units. */
export interface Candidate {
  readonly option: Option;
  readonly fleet: number;
  readonly cost: number;
  readonly mostLots: number;
  /** The most replicas of the whole class. */
  readonly demand: number;
  /** Replicas on a lot: always so many; null where they share a machine and have a column of their own. */
  readonly fill: number | null;
  /** The most replicas that one lot can hold under the rules. */
  readonly full: number;
  /** Rows that count lots, by key, and what one lot counts there. */
  readonly lotKeys: readonly number[];
  readonly lotValues: readonly number[];
  /** Rows that count replicas, one each. */
  readonly replicaKeys: readonly number[];
}

/**
 * Names of rows. A row is made when the first column of the model needs it (`bounds`), or when an answer breaks it
 * (`bounds` null: caps); until then its price is 0, which is exact for what has no row yet.
 */
export class RowKeys {
  readonly #ids = new Map<string, number>();
  readonly bounds: (RowBounds | null)[] = [];

  id(name: string, bounds: () => RowBounds | null): number {
    let id = this.#ids.get(name);
    if (id === undefined) {
      id = this.bounds.length;
      this.#ids.set(name, id);
      this.bounds.push(bounds());
    }
    return id;
  }

  known(name: string): number | null {
    return this.#ids.get(name) ?? null;
  }
}

export const keyOf = {
  demand: (classIndex: number): string => `demand ${classIndex}`,
  moved: (classIndex: number): string => `moved ${classIndex}`,
  total: (fleet: number, measure: ShareMeasure): string => `total ${fleet} ${measure}`,
  money: (fleet: number, provider: string): string => `money ${fleet} ${provider}`,
  cap: (fleet: number, rule: string, subject: string): string => `cap ${fleet} ${rule} ${subject}`,
  used: (fleet: number, provider: string): string => `used ${fleet} ${provider}`,
  anything: (fleet: number): string => `anything ${fleet}`,
} as const;

/** Measures whose total a fleet's rules need. */
export function totalsNeeded(rules: Rules): readonly ShareMeasure[] {
  const measures = new Set<ShareMeasure>();
  if (countsShares(rules)) measures.add(rules.measure);
  if (rules.maxConcentration !== null) measures.add(moneyMeasure(rules));
  return [...measures];
}

/** The most lots of the option that supply and demand let anyone take. */
export function mostLots(supply: Supply, option: Option, demand: number): number {
  const { machinesPerLot, at, running } = option;
  if (running !== null) return Math.min(running.lots.length, demand);
  const available = supply.available(at);
  let most = available === null ? demand : Math.min(demand, Math.floor(available / machinesPerLot));
  for (const { quota, units } of at.claims) {
    most = Math.min(most, Math.floor(supply.headroom(quota) / (units * machinesPerLot)));
  }
  return Math.max(0, most);
}

/** What each budgeted team's new machines may spend, in micro-dollars per hour: the limit, less what its kept leases spend already. */
export function budgetRooms(problem: Problem): ReadonlyMap<string, number> {
  return new Map(
    problem.teamSpends.map(({ team, limitMicroUsdPerHour, baseMicroUsdPerHour, keptMicroUsdPerHour }) => {
      const allowed = Math.max(limitMicroUsdPerHour, keptMicroUsdPerHour);
      return [team, Math.max(0, allowed - baseMicroUsdPerHour)] as const;
    }),
  );
}
