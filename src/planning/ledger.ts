import type { MicroUsdPerHour } from '../domain/money.ts';
import type { ShareMeasure } from '../domain/policy.ts';
import type { Scope, Subjects } from './rules.ts';
import { SCOPES } from './rules.ts';

/** What machines of one kind count for. */
export interface Weight {
  readonly subjects: Subjects;
  readonly provider: string;
  readonly market: string;
  readonly spend: MicroUsdPerHour;
  readonly accelerators: number;
}

interface Amount {
  spend: number;
  accelerators: number;
  machines: number;
}

/** Spend (adjusted, integer micro-dollars per hour) and accelerators of a fleet, by everything that a rule can be about. */
export class Ledger {
  readonly #scopes: Readonly<Record<Scope, Map<string, Amount>>> = {
    provider: new Map(),
    region: new Map(),
    zone: new Map(),
    pool: new Map(),
    market: new Map(),
    spot: new Map(),
  };
  readonly #markets = new Map<string, Amount>();
  readonly #total: Amount = { spend: 0, accelerators: 0, machines: 0 };

  /** Adds `machines` machines, or takes them away where the number is negative. */
  add(weight: Weight, machines: number): void {
    for (const scope of SCOPES) {
      const subject = weight.subjects[scope];
      if (subject !== null) book(this.#scopes[scope], subject, weight, machines);
    }
    book(this.#markets, weight.market, weight, machines);
    this.#total.spend += weight.spend * machines;
    this.#total.accelerators += weight.accelerators * machines;
    this.#total.machines += machines;
  }

  copy(): Ledger {
    const copied = new Ledger();
    for (const scope of SCOPES) {
      for (const [subject, amount] of this.#scopes[scope]) copied.#scopes[scope].set(subject, { ...amount });
    }
    for (const [market, amount] of this.#markets) copied.#markets.set(market, { ...amount });
    Object.assign(copied.#total, this.#total);
    return copied;
  }

  total(measure: ShareMeasure): number {
    return this.#total[measure === 'spend' ? 'spend' : 'accelerators'];
  }

  amount(scope: Scope, subject: string, measure: ShareMeasure): number {
    return this.#scopes[scope].get(subject)?.[measure === 'spend' ? 'spend' : 'accelerators'] ?? 0;
  }

  /** Subjects of the scope that hold machines, sorted. */
  subjects(scope: Scope): readonly string[] {
    const held = [...this.#scopes[scope]].filter(([, amount]) => amount.machines > 0);
    return held.map(([subject]) => subject).toSorted();
  }

  amounts(scope: Scope, measure: ShareMeasure): ReadonlyMap<string, number> {
    return new Map(this.subjects(scope).map((subject) => [subject, this.amount(scope, subject, measure)]));
  }

  marketAmounts(measure: ShareMeasure): ReadonlyMap<string, number> {
    const held = [...this.#markets].filter(([, amount]) => amount.machines > 0);
    return new Map(held.map(([market, amount]) => [market, amount[measure === 'spend' ? 'spend' : 'accelerators']]));
  }

  get providerCount(): number {
    let count = 0;
    for (const amount of this.#scopes.provider.values()) if (amount.machines > 0) count += 1;
    return count;
  }

  get machineCount(): number {
    return this.#total.machines;
  }

  machinesAt(provider: string): number {
    return this.#scopes.provider.get(provider)?.machines ?? 0;
  }
}

function book(amounts: Map<string, Amount>, subject: string, weight: Weight, machines: number): void {
  let amount = amounts.get(subject);
  if (amount === undefined) {
    amount = { spend: 0, accelerators: 0, machines: 0 };
    amounts.set(subject, amount);
  }
  amount.spend += weight.spend * machines;
  amount.accelerators += weight.accelerators * machines;
  amount.machines += machines;
}
