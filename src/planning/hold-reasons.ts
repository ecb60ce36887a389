import type { HoldReason } from '../domain/plan.ts';
import type { Placement } from './allocation.ts';
import { fleetsAfter } from './allocation.ts';
import { breachText, fleetBreaches } from './breaches.ts';
import type { DemandClass } from './demand.ts';
import type { Obstacle, Supply } from './eligibility.ts';
import { isLiftable, OBSTACLES, obstacleText } from './eligibility.ts';
import type { Fleet } from './fleets.ts';
import type { MarketOffer } from './market-view.ts';
import type { Optimum } from './optimise.ts';
import { optimiseOver } from './optimise.ts';
import type { Option, Problem } from './option.ts';
import { fleetOf } from './option.ts';
import { obstaclesByOffer, optionFrom, optionsOf } from './problem.ts';
import { PlaceKeys } from './prune.ts';
import type { Loss, RuleBook, Rules } from './rules.ts';
import {
  BUDGET,
  LOSSES,
  MIN_PROVIDERS,
  ruleNames,
  rulesOf,
  SURVIVE_RULE,
  surviveLimit,
  withoutRules,
} from './rules.ts';
import { mostServable } from './servable.ts';
import { countText, rateText } from './wording.ts';

/** The workload's own `keepShare`. */
const OWN_SURVIVE = 'workload.keepShare';

/** Solves that looking for reasons may cost altogether; past them, reasons are told from plain facts. */
const MOST_TRIALS = 400;
const MOST_WHOLE_TRIALS = 8;
/** Larger problems are only tried with all else as planned. */
const MOST_WHOLE_OPTIONS = 1500;

interface Trial {
  readonly problem: Problem;
  readonly placements: readonly Placement[];
}

/**
 * Why the replicas of a class that got no place got none. Every suspect rule or fact is lifted on its own and the class
 * placed again, first with all else as planned, then with everything free to move. Those that let it be placed are the
 * reasons: any one of them lifted is enough. If none is enough alone, the reasons are a set from which none can be left out.
 */
export class HoldReasons {
  readonly #problem: Problem;
  readonly #rules: RuleBook;
  readonly #optimum: Optimum;
  #trials = MOST_TRIALS;
  #wholeTrials = MOST_WHOLE_TRIALS;

  constructor(problem: Problem, rules: RuleBook, optimum: Optimum) {
    this.#problem = problem;
    this.#rules = rules;
    this.#optimum = optimum;
  }

  async of(classIndex: number): Promise<readonly HoldReason[]> {
    const demandClass = this.#problem.classes[classIndex];
    if (demandClass === undefined) return [];
    const beside = this.#besides(classIndex);
    const offers = obstaclesByOffer(this.#problem.fleets, this.#problem.market, beside.supply, demandClass);
    const impossible = impossibility(demandClass, offers);
    if (impossible !== null) return [impossible];
    const suspects = suspectsOf(demandClass, offers, this.#rulesOf(demandClass), this.#isBudgeted(demandClass));
    const optionCount = this.#problem.options.reduce((sum, options) => sum + options.length, 0);
    for (const whole of optionCount > MOST_WHOLE_OPTIONS ? [false] : [false, true]) {
      const reasons: HoldReason[] = [];
      for (const suspect of suspects) {
        const trial = await this.#placedWithout(classIndex, beside, new Set([suspect]), whole);
        if (trial !== null) reasons.push(this.#reason(suspect, demandClass, beside, trial, false));
      }
      if (reasons.length > 0) return reasons;
    }
    return this.#jointReasons(classIndex, demandClass, beside, suspects);
  }

  #rulesOf({ fleet }: DemandClass): Rules {
    const own = this.#rules[fleet];
    if (own === undefined) throw new RangeError('a class belongs to a fleet');
    return own;
  }

  #isBudgeted({ spec }: DemandClass): boolean {
    return this.#problem.teamSpends.some(({ team }) => team === spec.team);
  }

  /** The class's surroundings: the planned fleet and what it leaves of quotas and machines, without the class itself. */
  #besides(classIndex: number): Beside {
    const others = this.#optimum.placements.filter(({ option }) => option.classIndex !== classIndex);
    const ledgers = fleetsAfter(this.#problem, others);
    const spends = this.#problem.teamSpends.map((spend) => {
      const added = others.reduce((sum, { option, lots }) => {
        const own = this.#problem.classes[option.classIndex]?.spec.team === spend.team;
        return own ? sum + option.weight.amounts.spend * lots : sum;
      }, 0);
      return { ...spend, baseMicroUsdPerHour: spend.baseMicroUsdPerHour + added };
    });
    const fleets = this.#problem.fleets.map((fleet, index) => ({ ...fleet, base: ledgers[index] ?? fleet.base }));
    return { fleets, spends, supply: supplyLeft(this.#problem, others) };
  }

  async #jointReasons(
    classIndex: number,
    demandClass: DemandClass,
    beside: Beside,
    suspects: readonly string[],
  ): Promise<readonly HoldReason[]> {
    let needed = new Set(suspects);
    let trial = await this.#placedWithout(classIndex, beside, needed, false);
    if (trial === null) {
      return [{ rule: 'no-feasible-placement', detail: 'no combination of the offers there are can take it' }];
    }
    for (const suspect of suspects) {
      const fewer = new Set([...needed].filter((name) => name !== suspect));
      const still = await this.#placedWithout(classIndex, beside, fewer, false);
      if (still === null) continue;
      needed = fewer;
      trial = still;
    }
    const found = trial;
    return [...needed].map((name) => this.#reason(name, demandClass, beside, found, needed.size > 1));
  }

  /** Places all replicas of the class with the named rules and facts lifted; null where that does not help. */
  async #placedWithout(
    classIndex: number,
    beside: Beside,
    lifted: ReadonlySet<string>,
    whole: boolean,
  ): Promise<Trial | null> {
    if (this.#trials <= 0 || (whole && this.#wholeTrials <= 0)) return null;
    const demandClass = this.#problem.classes[classIndex];
    if (demandClass === undefined) return null;
    const supply = supplyWithout(whole ? this.#problem.supply : beside.supply, lifted);
    const { fleets, market } = this.#problem;
    const options = optionsOf(
      fleets,
      market,
      supply,
      demandClass,
      this.#isBudgeted(demandClass),
      new PlaceKeys(rulesOf(fleetOf(fleets, demandClass).policy)),
      lifted,
    );
    if (options.length === 0) return null;
    const problem: Problem = whole
      ? { ...this.#problem, supply, options: this.#optionsWith(classIndex, options) }
      : {
          ...this.#problem,
          supply,
          classes: [demandClass],
          options: [withClass(options, 0)],
          fleets: beside.fleets,
          teamSpends: beside.spends,
        };
    const placed = whole ? [...this.#optimum.placed] : [0];
    placed[whole ? classIndex : 0] = demandClass.demand;
    const own = { ...withoutRules(this.#rulesOf(demandClass), lifted), ownKeepShares: !lifted.has(OWN_SURVIVE) };
    if (mostServable(demandClass, options, own, supply) < demandClass.demand) return null;
    const rules = this.#rules.with(demandClass.fleet, own);
    const { requiredProviders } = this.#optimum;
    const required = lifted.has(MIN_PROVIDERS) ? requiredProviders.with(demandClass.fleet, 1) : requiredProviders;
    this.#trials -= 1;
    if (whole) this.#wholeTrials -= 1;
    const found = await optimiseOver(problem, rules, required, { gapShare: 1, placed, atAnyCost: whole });
    const all = found.placed[whole ? classIndex : 0] === demandClass.demand;
    return all ? { problem, placements: found.placements } : null;
  }

  #optionsWith(classIndex: number, options: readonly Option[]): readonly (readonly Option[])[] {
    return this.#problem.options.map((own, index) => (index === classIndex ? withClass(options, index) : own));
  }

  #reason(rule: string, demandClass: DemandClass, beside: Beside, trial: Trial, joint: boolean): HoldReason {
    const detail = isObstacle(rule)
      ? this.#obstacleDetail(rule, demandClass, beside, trial)
      : this.#ruleDetail(rule, demandClass, trial);
    return { rule, detail: joint ? `${detail} (one of several reasons that must all go)` : detail };
  }

  /** What stands at the offers that would be used if the obstacle were lifted. */
  #obstacleDetail(obstacle: Obstacle, demandClass: DemandClass, beside: Beside, trial: Trial): string {
    const { policy } = fleetOf(this.#problem.fleets, demandClass);
    const offers = obstaclesByOffer(this.#problem.fleets, this.#problem.market, beside.supply, demandClass);
    const opened = trial.placements.filter(({ option }) => demandClass === trial.problem.classes[option.classIndex]);
    const texts = opened.flatMap(({ option, lots }) => {
      const standing = offers.find(({ at, choice }) => at === option.at && choice.count === option.choice.count);
      if (standing?.obstacles.includes(obstacle)) {
        return [
          `${option.at.key}: ${obstacleText(obstacle, policy, demandClass.spec, option.choice, option.at, beside.supply)}`,
        ];
      }
      const short = obstacle === 'headroom' ? shortQuota(option, lots, beside.supply) : null;
      return short === null ? [] : [`${option.at.key}: ${short}`];
    });
    const [first] = texts;
    if (first !== undefined) return texts.length === 1 ? first : `${first}; and ${texts.length - 1} more`;
    return obstacle === 'headroom'
      ? `the quotas have no room for ${countText(demandClass.demand, 'replica')}`
      : `too few free machines for ${countText(demandClass.demand, 'replica')}`;
  }

  /** What the rule would measure if it were lifted. */
  #ruleDetail(rule: string, demandClass: DemandClass, trial: Trial): string {
    const own = this.#rulesOf(demandClass);
    if (rule === OWN_SURVIVE) return surviveDetail(own, demandClass, 'provider');
    for (const loss of LOSSES) if (rule === SURVIVE_RULE[loss]) return surviveDetail(own, demandClass, loss);
    if (rule === BUDGET) return this.#budgetDetail(demandClass);
    const { fleet } = demandClass;
    const after = fleetsAfter(trial.problem, trial.placements)[fleet];
    const kept = this.#problem.fleets[fleet]?.kept;
    if (after === undefined || kept === undefined) return `${rule} leaves no room for it`;
    const breaches = fleetBreaches(after, kept, own, this.#optimum.requiredProviders[fleet] ?? 1);
    const [worst] = breaches.filter((breach) => breach.rule === rule).toSorted((x, y) => y.over - x.over);
    return worst === undefined ? `${rule} leaves no room for it` : breachText(worst, own);
  }

  #budgetDetail({ spec }: DemandClass): string {
    const spend = this.#problem.teamSpends.find(({ team }) => team === spec.team);
    const limit = rateText(spend?.limitMicroUsdPerHour ?? 0);
    return `the budget of ${spec.team} allows ${limit} until the period ends, of which its leases take ${rateText(spend?.keptMicroUsdPerHour ?? 0)}`;
  }
}

function surviveDetail(rules: Rules, { spec }: DemandClass, loss: Loss): string {
  const most = surviveLimit(rules, loss, spec.replicas, spec.keepShare) ?? spec.replicas;
  return `no ${loss} may hold more than ${most} of ${countText(spec.replicas, 'replica')}, and too few ${loss}s can take it`;
}

interface Beside {
  readonly fleets: readonly Fleet[];
  readonly spends: Problem['teamSpends'];
  readonly supply: Supply;
}

type Standing = ReturnType<typeof obstaclesByOffer>[number];

/** The reason that no rule can lift: nothing on the market has the shape. */
function impossibility({ spec, completion }: DemandClass, offers: readonly Standing[]): HoldReason | null {
  if (offers.length === 0 && completion !== null) {
    const { beside, missingParts, partCount } = completion;
    const present = partCount - missingParts.length;
    const place = `${beside.pool.instanceType} in ${beside.pool.provider}:${beside.pool.region}:${beside.pool.zone ?? '*'}`;
    return {
      rule: 'gang.placement',
      detail: `${present} of ${countText(partCount, 'machine')} run as ${place}, and no offer is left there for the rest`,
    };
  }
  const wanted = spec.accelerators.map(({ accelerator, count }) => `${accelerator}:${count}`).toSorted();
  if (offers.length === 0) return { rule: 'no-offer', detail: `no provider offers ${wanted.join(' or ')}` };
  if (offers.some(({ obstacles }) => obstacles.every(isLiftable))) return null;
  if (offers.some(({ obstacles }) => !obstacles.includes('does-not-fit'))) {
    const detail = `no offer of ${wanted.join(' or ')} has a price and other figures that make sense`;
    return { rule: 'invalid-offer', detail };
  }
  const sizes = [...new Set(offers.map(({ at }) => at.offer.acceleratorCount))].toSorted((a, b) => a - b);
  const detail = `machines on offer have ${sizes.join(', ')} accelerators: ${wanted.join(' or ')} is not a whole number of them`;
  return { rule: 'does-not-fit', detail };
}

function suspectsOf(
  { spec }: DemandClass,
  offers: readonly Standing[],
  rules: Rules,
  budgeted: boolean,
): readonly string[] {
  const standing = new Set(offers.flatMap(({ obstacles }) => obstacles));
  // Limits that one replica keeps to may still stop several.
  if (offers.some(({ at }) => at.claims.length > 0)) standing.add('headroom');
  if (offers.some(({ at }) => at.offer.availableCount !== null)) standing.add('available-count');
  const obstacles = OBSTACLES.filter((obstacle) => isLiftable(obstacle) && standing.has(obstacle));
  const own = spec.keepShare !== null && rules.ownKeepShares ? [OWN_SURVIVE] : [];
  return [...obstacles, ...ruleNames(rules), ...own, ...(budgeted ? [BUDGET] : [])];
}

function isObstacle(rule: string): rule is Obstacle {
  return OBSTACLES.some((obstacle) => obstacle === rule);
}

function withClass(options: readonly Option[], classIndex: number): readonly Option[] {
  return options.map((option) => optionFrom(option, classIndex));
}

/** What the placements leave of quotas and free machines. */
export function supplyLeft(problem: Pick<Problem, 'supply'>, placements: readonly Placement[]): Supply {
  const units = new Map<string, number>();
  const machines = new Map<string, number>();
  for (const { option, lots } of placements) {
    const taken = lots * option.machinesPerLot;
    for (const claim of option.at.claims) units.set(claim.quota, (units.get(claim.quota) ?? 0) + claim.units * taken);
    machines.set(option.at.key, (machines.get(option.at.key) ?? 0) + taken);
  }
  return {
    headroom: (quota) => problem.supply.headroom(quota) - (units.get(quota) ?? 0),
    available: (at: MarketOffer) => {
      const available = problem.supply.available(at);
      return available === null ? null : available - (machines.get(at.key) ?? 0);
    },
  };
}

function supplyWithout(supply: Supply, lifted: ReadonlySet<string>): Supply {
  return {
    headroom: lifted.has('headroom') ? () => Number.POSITIVE_INFINITY : supply.headroom,
    available: lifted.has('available-count') ? () => null : supply.available,
  };
}

function shortQuota({ at, machinesPerLot }: Option, lots: number, supply: Supply): string | null {
  for (const { quota, units } of at.claims) {
    const taken = units * machinesPerLot * lots;
    const left = supply.headroom(quota);
    if (taken > left) return `quota ${quota} has ${left} left, ${taken} are needed`;
  }
  return null;
}
