import { SHARE_MEASURES, type ShareMeasure } from '../domain/policy.ts';
import type { Scope, Subjects } from './rules.ts';
import { SCOPES } from './rules.ts';

/** What one lot counts for: the machines that are bought as one. */
export interface Weight {
  readonly subjects: Subjects;
  readonly provider: string;
  readonly machines: number;
  /** By measure: micro-dollars per hour, accelerators, accelerator-hours per hour of work, micro-dollars per hour of work. */
  readonly amounts: Readonly<Record<ShareMeasure, number>>;
}

interface Amount {
  readonly sums: Record<ShareMeasure, number>;
  machines: number;
}

function nothing(): Amount {
  return { sums: { spend: 0, accelerators: 0, 'accelerator-hours': 0, 'effective-cost': 0 }, machines: 0 };
}

/** What a fleet amounts to in every measure, by everything that a rule can be about. */
export class Ledger {
  readonly #scopes: Readonly<Record<Scope, Map<string, Amount>>> = {
    provider: new Map(),
    region: new Map(),
    zone: new Map(),
    pool: new Map(),
    market: new Map(),
    spot: new Map(),
  };
  readonly #total: Amount = nothing();

  /** Adds `lots` lots, or takes them away where the number is negative. */
  add(weight: Weight, lots: number): void {
    for (const scope of SCOPES) {
      const subject = weight.subjects[scope];
      if (subject === null) continue;
      let amount = this.#scopes[scope].get(subject);
      if (amount === undefined) {
        amount = nothing();
        this.#scopes[scope].set(subject, amount);
      }
      book(amount, weight, lots);
    }
    book(this.#total, weight, lots);
  }

  /** Adds everything of another. */
  addAll(other: Ledger): void {
    for (const scope of SCOPES) {
      for (const [subject, amount] of other.#scopes[scope]) {
        const own = this.#scopes[scope].get(subject) ?? nothing();
        this.#scopes[scope].set(subject, own);
        join(own, amount);
      }
    }
    join(this.#total, other.#total);
  }

  copy(): Ledger {
    const copied = new Ledger();
    for (const scope of SCOPES) {
      for (const [subject, { sums, machines }] of this.#scopes[scope]) {
        copied.#scopes[scope].set(subject, { sums: { ...sums }, machines });
      }
    }
    Object.assign(copied.#total.sums, this.#total.sums);
    copied.#total.machines = this.#total.machines;
    return copied;
  }

  total(measure: ShareMeasure): number {
    return this.#total.sums[measure];
  }

  amount(scope: Scope, subject: string, measure: ShareMeasure): number {
    return this.#scopes[scope].get(subject)?.sums[measure] ?? 0;
  }

  /** Subjects of the scope that hold machines, sorted. */
  subjects(scope: Scope): readonly string[] {
    const held = [...this.#scopes[scope]].filter(([, amount]) => amount.machines > 0);
    return held.map(([subject]) => subject).toSorted();
  }

  amounts(scope: Scope, measure: ShareMeasure): ReadonlyMap<string, number> {
    return new Map(this.subjects(scope).map((subject) => [subject, this.amount(scope, subject, measure)]));
  }

  sumOfSquares(scope: Scope, measure: ShareMeasure): number {
    let sum = 0;
    for (const { sums, machines } of this.#scopes[scope].values()) {
      if (machines > 0) sum += sums[measure] * sums[measure];
    }
    return sum;
  }

  /** Whether some subject of the scope that holds machines amounts to what the predicate says. */
  someSubject(scope: Scope, measure: ShareMeasure, holds: (subject: string, amount: number) => boolean): boolean {
    for (const [subject, { sums, machines }] of this.#scopes[scope]) {
      if (machines > 0 && holds(subject, sums[measure])) return true;
    }
    return false;
  }

  /** Providers that hold a machine and at least this share of the measure. */
  providerCount(measure: ShareMeasure, leastShare: number): number {
    const least = leastShare * this.total(measure) * (1 - 1e-9);
    let count = 0;
    for (const { machines, sums } of this.#scopes.provider.values()) {
      if (machines > 0 && sums[measure] >= least) count += 1;
    }
    return count;
  }

  get machineCount(): number {
    return this.#total.machines;
  }

  machinesAt(provider: string): number {
    return this.#scopes.provider.get(provider)?.machines ?? 0;
  }
}

function book(amount: Amount, weight: Weight, lots: number): void {
  for (const measure of SHARE_MEASURES) amount.sums[measure] += weight.amounts[measure] * lots;
  amount.machines += weight.machines * lots;
}

function join(amount: Amount, other: Amount): void {
  for (const measure of SHARE_MEASURES) amount.sums[measure] += other.sums[measure];
  amount.machines += other.machines;
}
