import { MICRO_USD_PER_USD } from '../domain/money.ts';
import type { ShareMeasure } from '../domain/policy.ts';
import type { Placement } from './allocation.ts';
import { keptExcess } from './breaches.ts';
import type { DemandClass } from './demand.ts';
import type { Supply } from './eligibility.ts';
import type { MarketOffer } from './market-view.ts';
import type { Option, Problem } from './problem.ts';
import { surviveRoom } from './problem.ts';
import { prunedOptions } from './prune.ts';
import type { Cap, Rules } from './rules.ts';
import type { Column, Row } from './solver.ts';

const NONE = Number.NEGATIVE_INFINITY;

/** The columns of one option: lots, and the replicas on them (the same column unless replicas share a machine). */
export interface OptionColumns {
  readonly option: Option;
  readonly lots: number;
  readonly replicas: number;
}

/** Columns and first rows of a problem under rules. Amounts of money are in dollars: the solver's tolerances suit them. */
export interface Scenario {
  readonly columns: readonly Column[];
  readonly rows: readonly Row[];
  readonly options: readonly OptionColumns[];
  /** Column of the replicas left unplaced, by class. */
  readonly unplaced: readonly number[];
  /** Column of the fleet's total by measure; only where a rule needs it. */
  readonly totals: Readonly<Partial<Record<ShareMeasure, number>>>;
  /** Column of a provider's spend; only where the concentration is limited. */
  readonly providerSpend: ReadonlyMap<string, number>;
}

interface Draft {
  readonly columns: Column[];
  readonly rows: Row[];
}

function addColumn(draft: Draft, column: Column): number {
  draft.columns.push(column);
  return draft.columns.length - 1;
}

export function scenarioOf(problem: Problem, rules: Rules, requiredProviders: number): Scenario {
  const draft: Draft = { columns: [], rows: [] };
  const byClass = prunedOptions(problem, rules).map((options, index) =>
    options.map((option) => optionColumns(draft, problem, rules, option, problem.classes[index])),
  );
  const options = byClass.flat();
  const unplaced = problem.classes.map(({ demand }, index) => {
    const column = addColumn(draft, { cost: 0, lower: 0, upper: demand, integer: true });
    const replicas = (byClass[index] ?? []).map(({ replicas: served }) => [served, 1] as const);
    draft.rows.push({ lower: demand, upper: demand, entries: [...replicas, [column, 1]] });
    return column;
  });
  addSupplyRows(draft, problem, options);
  addSurviveRows(draft, problem, rules, byClass);
  addProviderCountRows(draft, problem, options, requiredProviders);
  const totals = addTotals(draft, problem, rules, options);
  const providerSpend = rules.maxConcentration === null ? new Map() : addProviderSpend(draft, problem, options);
  return { columns: draft.columns, rows: draft.rows, options, unplaced, totals, providerSpend };
}

function optionColumns(
  draft: Draft,
  problem: Problem,
  rules: Rules,
  option: Option,
  demandClass: DemandClass | undefined,
): OptionColumns {
  const demand = demandClass?.demand ?? 0;
  const cost = option.rankedCostPerLot / MICRO_USD_PER_USD;
  const upper = mostLots(problem.supply, option, demand);
  const lots = addColumn(draft, { cost, lower: 0, upper, integer: true });
  if (option.replicasPerLot === 1) return { option, lots, replicas: lots };
  const replicas = addColumn(draft, { cost: 0, lower: 0, upper: demand, integer: true });
  // What `survive` lets the provider hold bounds what any machine there can hold: without it the relaxation sees part of a machine.
  const room = demandClass === undefined ? null : surviveRoom(rules, demandClass, option.at.weight.provider);
  const full = Math.max(1, Math.min(option.replicasPerLot, room ?? demand));
  // No machine without a replica: an empty one would make shares smaller without serving anybody.
  draft.rows.push({
    lower: 0,
    upper: Number.POSITIVE_INFINITY,
    entries: [
      [replicas, 1],
      [lots, -1],
    ],
  });
  draft.rows.push({
    lower: NONE,
    upper: 0,
    entries: [
      [replicas, 1],
      [lots, -full],
    ],
  });
  return { option, lots, replicas };
}

/** The most lots of the option that supply and demand let anyone take. */
export function mostLots(supply: Supply, option: Option, demand: number): number {
  const { machinesPerLot, at } = option;
  const available = supply.available(at);
  let most = available === null ? demand : Math.min(demand, Math.floor(available / machinesPerLot));
  for (const { quota, units } of at.claims) {
    most = Math.min(most, Math.floor(supply.headroom(quota) / (units * machinesPerLot)));
  }
  return Math.max(0, most);
}

/** Quotas and free machines that several options draw on; a single option's own limit is its column's bound. */
function addSupplyRows(draft: Draft, problem: Problem, options: readonly OptionColumns[]): void {
  const byQuota = new Map<string, [number, number][]>();
  const byPool = new Map<MarketOffer, [number, number][]>();
  for (const { option, lots } of options) {
    for (const { quota, units } of option.at.claims) {
      listUnder(byQuota, quota).push([lots, units * option.machinesPerLot]);
    }
    if (problem.supply.available(option.at) !== null) listUnder(byPool, option.at).push([lots, option.machinesPerLot]);
  }
  for (const [quota, entries] of byQuota) {
    if (entries.length > 1) draft.rows.push({ lower: NONE, upper: problem.supply.headroom(quota), entries });
  }
  for (const [at, entries] of byPool) {
    const upper = problem.supply.available(at) ?? Number.POSITIVE_INFINITY;
    if (entries.length > 1) draft.rows.push({ lower: NONE, upper, entries });
  }
}

function addSurviveRows(
  draft: Draft,
  problem: Problem,
  rules: Rules,
  byClass: readonly (readonly OptionColumns[])[],
): void {
  for (const [index, demandClass] of problem.classes.entries()) {
    const byProvider = Map.groupBy(byClass[index] ?? [], ({ option }) => option.at.weight.provider);
    for (const [provider, options] of byProvider) {
      const room = surviveRoom(rules, demandClass, provider);
      if (room === null || room >= demandClass.demand) continue;
      draft.rows.push({ lower: NONE, upper: room, entries: options.map(({ replicas }) => [replicas, 1]) });
    }
  }
}

/** One binary per provider that holds nothing yet; an empty fleet needs no providers. */
function addProviderCountRows(
  draft: Draft,
  problem: Problem,
  options: readonly OptionColumns[],
  requiredProviders: number,
): void {
  const missing = requiredProviders - problem.base.providerCount;
  if (missing <= 0 || requiredProviders <= 1) return;
  const fleetExists = problem.base.machineCount > 0;
  const anything = addColumn(draft, { cost: 0, lower: fleetExists ? 1 : 0, upper: 1, integer: true });
  const demand = problem.classes.reduce((sum, entry) => sum + entry.demand, 0);
  draft.rows.push({
    lower: NONE,
    upper: 0,
    entries: [...options.map(({ replicas }) => [replicas, 1] as const), [anything, -demand]],
  });
  const used: [number, number][] = [];
  for (const [provider, held] of Map.groupBy(options, ({ option }) => option.at.weight.provider)) {
    if (problem.base.machinesAt(provider) > 0) continue;
    const column = addColumn(draft, { cost: 0, lower: 0, upper: 1, integer: true });
    used.push([column, 1]);
    draft.rows.push({
      lower: 0,
      upper: Number.POSITIVE_INFINITY,
      entries: [...held.map(({ lots }) => [lots, 1] as const), [column, -1]],
    });
  }
  draft.rows.push({ lower: 0, upper: Number.POSITIVE_INFINITY, entries: [...used, [anything, -missing]] });
}

function addTotals(
  draft: Draft,
  problem: Problem,
  rules: Rules,
  options: readonly OptionColumns[],
): Scenario['totals'] {
  const measures = new Set<ShareMeasure>();
  if (rules.caps.length > 0) measures.add(rules.measure);
  if (rules.maxConcentration !== null) measures.add('spend');
  const totals: Partial<Record<ShareMeasure, number>> = {};
  for (const measure of measures) {
    const base = problem.base.total(measure) / unitOf(measure);
    totals[measure] = addSum(draft, base, options, measure);
  }
  return totals;
}

function addProviderSpend(
  draft: Draft,
  problem: Problem,
  options: readonly OptionColumns[],
): ReadonlyMap<string, number> {
  const byProvider = Map.groupBy(options, ({ option }) => option.at.weight.provider);
  const providers = [...new Set([...problem.base.subjects('provider'), ...byProvider.keys()])].toSorted();
  return new Map(
    providers.map((provider) => {
      const base = problem.base.amount('provider', provider, 'spend') / MICRO_USD_PER_USD;
      return [provider, addSum(draft, base, byProvider.get(provider) ?? [], 'spend')];
    }),
  );
}

/** A column that equals `base` + the amounts of the options. */
function addSum(draft: Draft, base: number, options: readonly OptionColumns[], measure: ShareMeasure): number {
  const column = addColumn(draft, { cost: 0, lower: 0, upper: Number.POSITIVE_INFINITY, integer: false });
  const entries = options.map(({ option, lots }) => [lots, -amountPerLot(option, measure)] as const);
  draft.rows.push({ lower: base, upper: base, entries: [[column, 1], ...entries] });
  return column;
}

/** The row that holds one subject to a cap: amount ≤ limit × total + the kept leases' excess. */
export function capRow(scenario: Scenario, problem: Problem, rules: Rules, cap: Cap, subject: string): Row {
  const { measure } = rules;
  const entries: [number, number][] = [];
  for (const { option, lots } of scenario.options) {
    if (option.at.weight.subjects[cap.scope] === subject) entries.push([lots, amountPerLot(option, measure)]);
  }
  const total = scenario.totals[measure];
  if (total !== undefined) entries.push([total, -cap.limit]);
  const base = problem.base.amount(cap.scope, subject, measure);
  return { lower: NONE, upper: (keptExcess(problem.kept, cap, subject, measure) - base) / unitOf(measure), entries };
}

export function unitOf(measure: ShareMeasure): number {
  return measure === 'spend' ? MICRO_USD_PER_USD : 1;
}

function amountPerLot(option: Option, measure: ShareMeasure): number {
  return (option.at.weight[measure === 'spend' ? 'spend' : 'accelerators'] * option.machinesPerLot) / unitOf(measure);
}

/** The placements in a solution's values, as they are (fractional in a relaxation). */
export function placementsIn(scenario: Scenario, values: Float64Array, integer: boolean): readonly Placement[] {
  const read = (column: number): number => {
    const value = values[column] ?? 0;
    return integer ? Math.round(value) : value;
  };
  return scenario.options
    .map(({ option, lots, replicas }) => ({ option, lots: read(lots), replicas: read(replicas) }))
    .filter(({ lots }) => lots > 1e-9);
}

function listUnder<K, V>(lists: Map<K, V[]>, key: K): V[] {
  let list = lists.get(key);
  if (list === undefined) {
    list = [];
    lists.set(key, list);
  }
  return list;
}
