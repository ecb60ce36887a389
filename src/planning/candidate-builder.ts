import type { ShareMeasure } from '../domain/policy.ts';
import type { Candidate, RowKeys } from './candidates.ts';
import { budgetRooms, keyOf, mostLots, totalsNeeded } from './candidates.ts';
import type { DemandClass } from './demand.ts';
import type { Supply } from './eligibility.ts';
import type { Fleet } from './fleets.ts';
import { Ledger } from './ledger.ts';
import type { MarketOffer } from './market-view.ts';
import type { ModelUnits } from './model-units.ts';
import type { Option, Problem } from './option.ts';
import { surviveRoom } from './option.ts';
import { PlaceKeys, pruned } from './prune.ts';
import type { Loss, RuleBook, Rules, Subjects } from './rules.ts';
import { LOSSES, moneyMeasure, rulesOf } from './rules.ts';

const NONE = Number.NEGATIVE_INFINITY;

/** The candidates of every class, in the order of preference, none that another makes needless. */
export function candidatesOf(
  problem: Problem,
  rules: RuleBook,
  requiredProviders: readonly number[],
  keys: RowKeys,
  units: ModelUnits,
): readonly (readonly Candidate[])[] {
  const budgeted = new Set(problem.teamSpends.map(({ team }) => team));
  const supplyRows = new SupplyRows(problem.supply, keys);
  const fleets = rules.map((own, fleet) => ({
    own,
    rows: new FleetRows(problem, fleet, own, requiredProviders[fleet] ?? 1, keys, units),
    places: new PlaceKeys(own),
    isWhole: isAll(own, problem.fleets[fleet]),
  }));
  return problem.classes.map((demandClass, index) => {
    const fleet = fleets[demandClass.fleet];
    if (fleet === undefined) return [];
    // What runs is always an option.
    const running = (problem.options[index] ?? []).filter((option) => option.running !== null);
    const fresh = (problem.options[index] ?? []).filter((option) => option.running === null);
    const isBudgeted = budgeted.has(demandClass.spec.team);
    // Under all of the policy's rules no option is needless; under fewer of them many are.
    const needed = fleet.isWhole
      ? fresh
      : pruned(demandClass, fresh, fleet.own, problem.supply, isBudgeted, fleet.places);
    const builder = new CandidateBuilder(problem, index, demandClass, fleet.rows, supplyRows);
    return [...running, ...needed].map((option) => builder.candidate(option));
  });
}

/** Whether these are all rules of the fleet's policy. */
function isAll(rules: Rules, fleet: Fleet | undefined): boolean {
  return fleet !== undefined && JSON.stringify(rules) === JSON.stringify(rulesOf(fleet.policy));
}

/** A row, by key, and what one machine counts there. */
interface MachineRow {
  readonly key: number;
  readonly units: number;
}

/** A row, by key, and what a lot counts there: so many times its amount of the measure; null = itself. */
interface AmountRow {
  readonly key: number;
  readonly measure: ShareMeasure | null;
  readonly times: number;
}

/** The rows of quotas and free machines, found once for each offer. */
class SupplyRows {
  readonly #supply: Supply;
  readonly #keys: RowKeys;
  readonly #rows = new Map<MarketOffer, readonly MachineRow[]>();

  constructor(supply: Supply, keys: RowKeys) {
    this.#supply = supply;
    this.#keys = keys;
  }

  of(at: MarketOffer): readonly MachineRow[] {
    let rows = this.#rows.get(at);
    if (rows === undefined) {
      rows = this.#made(at);
      this.#rows.set(at, rows);
    }
    return rows;
  }

  #made(at: MarketOffer): readonly MachineRow[] {
    const rows = at.claims.map(({ quota, units }): MachineRow => {
      const bounds = () => ({ lower: NONE, upper: this.#supply.headroom(quota) });
      return { key: this.#keys.id(`quota ${quota}`, bounds), units };
    });
    const available = this.#supply.available(at);
    if (available === null) return rows;
    const key = this.#keys.id(`free ${at.key}`, () => ({ lower: NONE, upper: available }));
    return [...rows, { key, units: 1 }];
  }
}

/** The rows of a fleet's rules, found once for each place. */
class FleetRows {
  readonly rules: Rules;
  readonly keys: RowKeys;
  readonly units: ModelUnits;
  readonly #fleet: number;
  readonly #base: Ledger;
  /** Whether new machines must stand at more providers than what runs. */
  readonly spreads: boolean;
  readonly #budgetRoom: ReadonlyMap<string, number>;
  readonly #totals: readonly AmountRow[];
  readonly #rows = new Map<Subjects, readonly AmountRow[]>();
  readonly #lotRows = new Map<MarketOffer, SharedLotRows[]>();

  constructor(
    problem: Problem,
    fleet: number,
    rules: Rules,
    requiredProviders: number,
    keys: RowKeys,
    units: ModelUnits,
  ) {
    this.rules = rules;
    this.keys = keys;
    this.units = units;
    this.#fleet = fleet;
    this.#base = problem.fleets[fleet]?.base ?? new Ledger();
    this.spreads = requiredProviders > 1;
    this.#budgetRoom = budgetRooms(problem);
    this.#totals = totalsNeeded(rules).map((measure) => {
      const amount = units.amount(measure, this.#base.total(measure));
      return {
        key: keys.id(keyOf.total(fleet, measure), () => ({ lower: amount, upper: amount })),
        measure,
        times: -1,
      };
    });
  }

  /** Rows that count a lot at the place. */
  of(subjects: Subjects, provider: string): readonly AmountRow[] {
    let rows = this.#rows.get(subjects);
    if (rows === undefined) {
      rows = [...this.#totals, ...this.#made(subjects, provider)];
      this.#rows.set(subjects, rows);
    }
    return rows;
  }

  /** The row of the team's budget; null where it has none, or none is in force. */
  budgetOf(team: string): AmountRow | null {
    const room = this.rules.budgets ? this.#budgetRoom.get(team) : undefined;
    if (room === undefined) return null;
    const bounds = { lower: NONE, upper: this.units.money(room) };
    return { key: this.keys.id(`budget ${team}`, () => bounds), measure: 'spend', times: 1 };
  }

  #made(subjects: Subjects, provider: string): readonly AmountRow[] {
    const { rules, keys } = this;
    const { measure } = rules;
    const rows = rules.caps.flatMap(({ rule, scope }): readonly AmountRow[] => {
      const subject = subjects[scope];
      if (subject === null) return [];
      return [{ key: keys.id(keyOf.cap(this.#fleet, rule, subject), () => null), measure, times: 1 }];
    });
    if (rules.maxConcentration !== null) {
      const money = moneyMeasure(rules);
      const amount = this.units.amount(money, this.#base.amount('provider', provider, money));
      const key = keys.id(keyOf.money(this.#fleet, provider), () => ({ lower: amount, upper: amount }));
      rows.push({ key, measure: money, times: -1 });
    }
    if (this.spreads) {
      const key = keys.id(keyOf.used(this.#fleet, provider), () => null);
      rows.push({ key, measure: rules.minProviderShare > 0 ? measure : null, times: 1 });
    }
    return rows;
  }

  /** Whether some row counts effective cost, which each class has of its own. */
  get countsCost(): boolean {
    return this.rules.measure === 'effective-cost';
  }

  /** What is known of the rows of lots at the offer; for whoever finds more to add. */
  lotRowsAt(at: MarketOffer): SharedLotRows[] {
    const rows = this.#lotRows.get(at) ?? [];
    this.#lotRows.set(at, rows);
    return rows;
  }

  /** Row that counts everything placed, where new machines must be spread. */
  anything(): number | null {
    return this.spreads ? this.keys.id(keyOf.anything(this.#fleet), () => null) : null;
  }
}

/** Rows that count lots, by key, and what one lot counts there. */
type LotRows = Pick<Candidate, 'lotKeys' | 'lotValues'>;

/** The same for all lots of so many machines in a place, of classes with the same budget. */
interface SharedLotRows extends LotRows {
  readonly machines: number;
  readonly throughput: number;
  readonly budgetKey: number | null;
}

interface ReplicaRows {
  readonly replicaKeys: readonly number[];
  readonly most: number;
}

/** The most replicas that a place may hold, and the row that says so. */
interface Survival {
  readonly key: number;
  readonly most: number;
}

/** Builds the candidates of one class. */
class CandidateBuilder {
  readonly #supply: Supply;
  readonly #index: number;
  readonly #class: DemandClass;
  readonly #fleet: FleetRows;
  readonly #supplyRows: SupplyRows;
  readonly #budget: AmountRow | null;
  readonly #anything: number | null;
  readonly #demandKey: number;
  /** By region; a region belongs to one provider. */
  readonly #replicaRows = new Map<string, ReplicaRows>();
  /** What `survive` lets providers and regions hold. */
  readonly #survival: Readonly<Record<Loss, Map<string, Survival | null>>> = { provider: new Map(), region: new Map() };

  constructor(problem: Problem, index: number, demandClass: DemandClass, fleetRows: FleetRows, supplyRows: SupplyRows) {
    this.#supply = problem.supply;
    this.#index = index;
    this.#class = demandClass;
    this.#fleet = fleetRows;
    this.#supplyRows = supplyRows;
    this.#budget = fleetRows.budgetOf(demandClass.spec.team);
    this.#anything = fleetRows.anything();
    const { demand } = demandClass;
    this.#demandKey = fleetRows.keys.id(keyOf.demand(index), () => ({ lower: demand, upper: demand }));
  }

  candidate(option: Option): Candidate {
    const { running } = option;
    const { demand, fleet } = this.#class;
    const { lotKeys, lotValues } = this.#lotRowsOf(option);
    const { replicaKeys, most } = this.#replicaRowsOf(option);
    return {
      option,
      fleet,
      demand,
      cost: this.#fleet.units.money(option.effectiveCostPerLot),
      mostLots: mostLots(this.#supply, option, demand),
      fill: running !== null || option.replicasPerLot === 1 ? option.replicasPerLot : null,
      full: Math.max(1, Math.min(option.replicasPerLot, most)),
      lotKeys,
      lotValues,
      replicaKeys,
    };
  }

  /** Rows that count lots; classes whose lots count alike share them. */
  #lotRowsOf(option: Option): LotRows {
    const { at, machinesPerLot, choice, running } = option;
    if (running !== null || this.#fleet.countsCost) return this.#madeLotRows(option);
    const budgetKey = this.#budget?.key ?? null;
    const known = this.#fleet.lotRowsAt(at);
    const same = known.find(
      (rows) =>
        rows.machines === machinesPerLot && rows.throughput === choice.throughput && rows.budgetKey === budgetKey,
    );
    if (same !== undefined) return same;
    const { throughput } = choice;
    const made = { ...this.#madeLotRows(option), machines: machinesPerLot, throughput, budgetKey };
    known.push(made);
    return made;
  }

  #madeLotRows(option: Option): LotRows {
    const { at, machinesPerLot, weight, running } = option;
    const lotKeys: number[] = [];
    const lotValues: number[] = [];
    if (running === null) {
      for (const { key, units } of this.#supplyRows.of(at)) {
        lotKeys.push(key);
        lotValues.push(units * machinesPerLot);
      }
    }
    for (const row of this.#fleet.of(weight.subjects, weight.provider)) {
      lotKeys.push(row.key);
      lotValues.push(this.#valueIn(row, option));
    }
    if (this.#budget !== null) {
      lotKeys.push(this.#budget.key);
      lotValues.push(this.#valueIn(this.#budget, option));
    }
    return { lotKeys, lotValues };
  }

  #valueIn({ measure, times }: AmountRow, { weight }: Option): number {
    return measure === null ? times : times * this.#fleet.units.amount(measure, weight.amounts[measure]);
  }

  /** Rows that count the replicas of the class in a region, and the most replicas that any machine there can hold. */
  #replicaRowsOf({ at: { subjects }, running }: Option): ReplicaRows {
    const region = subjects.region ?? '';
    const known = running === null ? this.#replicaRows.get(region) : undefined;
    if (known !== undefined) return known;
    const replicaKeys = [this.#demandKey];
    if (running !== null) replicaKeys.push(this.#fleet.keys.id(keyOf.moved(this.#index), () => null));
    let most = Number.POSITIVE_INFINITY;
    for (const loss of LOSSES) {
      const survival = this.#survivalAt(loss, subjects[loss] ?? '');
      if (survival === null) continue;
      replicaKeys.push(survival.key);
      // What `survive` lets a place hold bounds what any machine there can hold: without it the relaxation sees part of a machine.
      most = Math.min(most, survival.most);
    }
    if (this.#anything !== null) replicaKeys.push(this.#anything);
    const rows = { replicaKeys, most };
    if (running === null) this.#replicaRows.set(region, rows);
    return rows;
  }

  #survivalAt(loss: Loss, subject: string): Survival | null {
    const known = this.#survival[loss].get(subject);
    if (known !== undefined) return known;
    const most = surviveRoom(this.#fleet.rules, this.#class, loss, subject);
    const limits = most !== null && most < this.#class.demand;
    const name = `survive ${this.#index} ${loss} ${subject}`;
    const survival = limits ? { key: this.#fleet.keys.id(name, () => ({ lower: NONE, upper: most })), most } : null;
    this.#survival[loss].set(subject, survival);
    return survival;
  }
}
