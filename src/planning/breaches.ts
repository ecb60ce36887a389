import type { ShareMeasure } from '../domain/policy.ts';
import type { Ledger } from './ledger.ts';
import type { Cap, Rules, Scope } from './rules.ts';
import { MAX_CONCENTRATION, MIN_PROVIDERS, moneyMeasure } from './rules.ts';
import { countText, shareText } from './wording.ts';

/** A rule that a fleet breaks by more than the kept leases already did. */
export interface Breach {
  readonly rule: string;
  /** Null for rules on the whole fleet. */
  readonly scope: Scope | null;
  readonly subject: string;
  /** The measured share, index or count, and its limit. */
  readonly value: number;
  readonly limit: number;
  /** How far beyond what is allowed, in the measure's unit (micro-dollars, accelerators, accelerator-hours or providers). */
  readonly over: number;
}

/** Relative to the fleet: far below a micro-dollar, far above what binary fractions lose. */
const TOLERANCE = 1e-9;

/**
 * Leases that are taken as given. Where they exceed a rule, the plan may as well: by as much as those that must stay do, and by
 * no more than all that runs today does, so that a cap already broken neither blocks nor gets worse, and one that is kept stays so.
 */
export interface Kept {
  readonly staying: Ledger;
  /** With the leases that the plan may move: the same as `staying` where none may. */
  readonly present: Ledger;
}

/** What may exceed `limit × total` of a cap. */
export function keptExcess(kept: Kept, cap: Cap, subject: string, measure: ShareMeasure): number {
  return excused(kept, capExcess(cap, subject, measure)).excess;
}

/** How much leases exceed a rule by: in the measure's unit. */
type Excess = (ledger: Ledger) => number;

export function capExcess(
  { scope, limit }: Pick<Cap, 'scope' | 'limit'>,
  subject: string,
  measure: ShareMeasure,
): Excess {
  return (ledger) => ledger.amount(scope, subject, measure) - limit * ledger.total(measure);
}

/** The excess that is allowed, and the leases that have it: null where none is. */
export function excused(
  { staying, present }: Kept,
  excessOf: Excess,
): { readonly excess: number; readonly of: Ledger | null } {
  const [one, other] = [excessOf(staying), excessOf(present)];
  const excess = Math.min(one, other);
  return excess <= 0 ? { excess: 0, of: null } : { excess, of: one <= other ? staying : present };
}

/** How far the norm of the providers' money exceeds √limit × total: above 0 iff the Herfindahl–Hirschman index exceeds the limit. */
export function concentrationExcess(ledger: Ledger, limit: number, measure: ShareMeasure): number {
  return Math.sqrt(ledger.sumOfSquares('provider', measure)) - Math.sqrt(limit) * ledger.total(measure);
}

/** What the same may exceed 0 by. */
export function keptConcentration(kept: Kept, limit: number, measure: ShareMeasure): number {
  return excused(kept, (ledger) => concentrationExcess(ledger, limit, measure)).excess;
}

/** Breaches of one cap by the subjects given (all that hold machines by default). */
export function capBreaches(
  ledger: Ledger,
  kept: Kept,
  cap: Cap,
  measure: ShareMeasure,
  subjects: readonly string[] = ledger.subjects(cap.scope),
): readonly Breach[] {
  const total = ledger.total(measure);
  const breaches: Breach[] = [];
  for (const subject of subjects) {
    const amount = ledger.amount(cap.scope, subject, measure);
    const over = amount - cap.limit * total - keptExcess(kept, cap, subject, measure);
    if (over <= TOLERANCE * total) continue;
    breaches.push({ rule: cap.rule, scope: cap.scope, subject, value: amount / total, limit: cap.limit, over });
  }
  return breaches;
}

/** Whether the fleet breaks any rule that {@link fleetBreaches} would tell; quicker where that is all one wants to know. */
export function isBroken(ledger: Ledger, kept: Kept, rules: Rules, requiredProviders: number): boolean {
  const { measure } = rules;
  const total = ledger.total(measure);
  const overCap = rules.caps.some((cap) =>
    ledger.someSubject(cap.scope, measure, (subject, amount) => {
      const over = amount - cap.limit * total;
      return over > TOLERANCE * total && over - keptExcess(kept, cap, subject, measure) > TOLERANCE * total;
    }),
  );
  return overCap || isConcentrated(ledger, kept, rules) || lacksProviders(ledger, rules, requiredProviders);
}

function isConcentrated(ledger: Ledger, kept: Kept, rules: Rules): boolean {
  const { maxConcentration: limit } = rules;
  if (limit === null) return false;
  const measure = moneyMeasure(rules);
  const tolerated = TOLERANCE * ledger.total(measure);
  const over = concentrationExcess(ledger, limit, measure);
  return over > tolerated && over - keptConcentration(kept, limit, measure) > tolerated;
}

/** Whether a fleet that is not empty stands at fewer providers than it must. */
export function lacksProviders(ledger: Ledger, rules: Rules, requiredProviders: number): boolean {
  return requiredProviders > 1 && ledger.machineCount > 0 && countedProviders(ledger, rules) < requiredProviders;
}

function concentrationBreaches(ledger: Ledger, kept: Kept, limit: number, measure: ShareMeasure): readonly Breach[] {
  const total = ledger.total(measure);
  const over = concentrationExcess(ledger, limit, measure) - keptConcentration(kept, limit, measure);
  if (over <= TOLERANCE * total) return [];
  const squares = [...ledger.amounts('provider', measure).values()].map((amount) => (amount / total) ** 2);
  const value = squares.reduce((sum, square) => sum + square, 0);
  return [{ rule: MAX_CONCENTRATION, scope: null, subject: '', value, limit, over }];
}

/** Providers that count for `minProviders`. */
export function countedProviders(ledger: Ledger, rules: Rules): number {
  return ledger.providerCount(rules.measure, rules.minProviderShare);
}

/**
 * Every fleet rule that the fleet breaks; `requiredProviders` is the number the fleet must be spread over (an empty one need not).
 * `survive` and budgets are not here: they are about workloads and teams.
 */
export function fleetBreaches(ledger: Ledger, kept: Kept, rules: Rules, requiredProviders: number): readonly Breach[] {
  const breaches = rules.caps.flatMap((cap) => capBreaches(ledger, kept, cap, rules.measure));
  if (rules.maxConcentration !== null) {
    breaches.push(...concentrationBreaches(ledger, kept, rules.maxConcentration, moneyMeasure(rules)));
  }
  if (lacksProviders(ledger, rules, requiredProviders)) {
    const count = countedProviders(ledger, rules);
    const over = requiredProviders - count;
    breaches.push({ rule: MIN_PROVIDERS, scope: null, subject: '', value: count, limit: requiredProviders, over });
  }
  return breaches;
}

/** A breach in words, with the figures. */
export function breachText(breach: Breach, { measure, minProviderShare }: Rules): string {
  if (breach.rule === MIN_PROVIDERS) {
    const share = minProviderShare > 0 ? ` with ${shareText(minProviderShare)} of ${measure} each` : '';
    return `the fleet would stand at ${countText(breach.value, 'provider')}${share}, ${breach.limit} are required`;
  }
  if (breach.rule === MAX_CONCENTRATION) {
    return `the concentration over providers would be ${hundredths(breach.value)}, at most ${hundredths(breach.limit)} is allowed`;
  }
  const subject = breach.scope === 'spot' ? 'spot' : breach.subject;
  return `${subject} would hold ${shareText(breach.value)} of ${measure}, at most ${shareText(breach.limit)} is allowed`;
}

function hundredths(index: number): string {
  return String(Math.round(index * 1000) / 1000);
}
