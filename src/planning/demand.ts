import type { PlanInput, PlanLease, PlanWorkload } from '../domain/plan.ts';
import type { Policy } from '../domain/policy.ts';
import { poolKey } from '../domain/pool.ts';
import type { WorkloadSpec } from '../domain/workload.ts';
import { governanceOf } from './governance.ts';
import type { MarketView } from './market-view.ts';
import { compareText, marketViewOf, policiesInOrder } from './market-view.ts';
import type { Loss } from './rules.ts';
import { subjectsOf } from './rules.ts';
import { shapeOf } from './shape.ts';

/** Machines that run and could be given up as one: those of one replica, or one machine with all replicas on it. */
export interface RunningLot {
  readonly leases: readonly PlanLease[];
  /** Ascending. */
  readonly replicas: readonly number[];
}

/** The replicas of one workload that are to be placed. */
export interface Member {
  readonly workloadId: string;
  /** Ascending; those of the running lots included. */
  readonly replicas: readonly number[];
  /** What may be kept or moved; empty where running leases are taken as given. */
  readonly running: readonly RunningLot[];
}

/** The rest of a gang whose other machines already run: it must come up beside them. */
export interface Completion {
  /** Ascending; never all of 0..partCount−1. */
  readonly missingParts: readonly number[];
  readonly partCount: number;
  readonly beside: PlanLease;
}

/** Workloads that differ in nothing that matters to a plan, placed as one. */
export interface DemandClass {
  /** Stable sort key. */
  readonly key: string;
  /** Index of the policy that governs it, in the order of the policies' names. */
  readonly fleet: number;
  readonly spec: WorkloadSpec;
  /** Sorted by workload id; all with the same number of replicas to place, and running lots of the same kinds. */
  readonly members: readonly Member[];
  /** Replicas to place, all members together. */
  readonly demand: number;
  /** Replicas of each member that leases hold for good, by what may be lost. */
  readonly keptReplicas: Readonly<Record<Loss, ReadonlyMap<string, number>>>;
  readonly completion: Completion | null;
}

interface Unserved {
  readonly workload: PlanWorkload;
  readonly fleet: number;
  readonly fresh: readonly number[];
  readonly running: readonly RunningLot[];
  readonly completions: readonly { readonly replica: number; readonly completion: Completion }[];
  readonly keptReplicas: DemandClass['keptReplicas'];
}

/** What no lease serves yet, in a stated order; with `moves` also what runs and could run elsewhere. */
export function demandOf(
  input: PlanInput,
  moves: boolean,
  market: MarketView = marketViewOf(input),
): readonly DemandClass[] {
  const governance = governanceOf(input);
  const leases = Map.groupBy(input.leases, ({ workloadId }) => workloadId);
  const budgeted = new Set(input.teamBudgets.map(({ team }) => team));
  const likenessOf = rememberedLikeness(new Wishes(market, policiesInOrder(input)));
  const alike = new Map<string, Unserved[]>();
  const completions: DemandClass[] = [];
  const workloads = input.workloads.toSorted((a, b) => compareText(a.id, b.id));
  for (const workload of workloads) {
    const { team } = workload.spec;
    const fleet = governance.fleetOfTeam(team);
    if (fleet < 0) continue;
    const movable = moves && !workload.spec.isProtected;
    const entry = unservedOf(workload, fleet, leases.get(workload.id) ?? [], movable);
    if (entry.fresh.length + entry.running.length > 0) {
      const key = likenessOf(entry, budgeted.has(team));
      const others = alike.get(key);
      if (others === undefined) alike.set(key, [entry]);
      else others.push(entry);
    }
    for (const { replica, completion } of entry.completions)
      completions.push(completionClass(entry, replica, completion));
  }
  return [...[...alike.values()].map(classOf), ...completions].toSorted((a, b) => compareText(a.key, b.key));
}

/** The class of one member alone. */
export function classOfMember(demandClass: DemandClass, member: Member): DemandClass {
  return { ...demandClass, key: member.workloadId, members: [member], demand: member.replicas.length };
}

/** Machines of running lots that are the same but for the workload they serve have the same signature. */
export function lotSignature({ leases, replicas }: RunningLot): string {
  const [first] = leases;
  if (first === undefined) throw new RangeError('a running lot has at least one lease');
  const { pool, accelerator, acceleratorCount } = first;
  const prices = leases.map(({ priceMicroUsdPerHour }) => priceMicroUsdPerHour).toSorted((a, b) => a - b);
  return [poolKey(pool), accelerator, acceleratorCount, prices.join('+'), replicas.length].join(' ');
}

function classOf(entries: readonly Unserved[]): DemandClass {
  const [first] = entries;
  if (first === undefined) throw new RangeError('a class of workloads has at least one member');
  const members = entries.map(({ workload, fresh, running }) => ({
    workloadId: workload.id,
    replicas: [...fresh, ...running.flatMap(({ replicas }) => replicas)].toSorted((a, b) => a - b),
    running,
  }));
  return {
    key: first.workload.id,
    fleet: first.fleet,
    spec: first.workload.spec,
    members,
    demand: members.reduce((sum, { replicas }) => sum + replicas.length, 0),
    keptReplicas: first.keptReplicas,
    completion: null,
  };
}

function completionClass(entry: Unserved, replica: number, completion: Completion): DemandClass {
  return {
    key: `${entry.workload.id}#${String(replica).padStart(9, '0')}`,
    fleet: entry.fleet,
    spec: entry.workload.spec,
    members: [{ workloadId: entry.workload.id, replicas: [replica], running: [] }],
    demand: 1,
    keptReplicas: entry.keptReplicas,
    completion,
  };
}

const NOTHING_KEPT: DemandClass['keptReplicas'] = { provider: new Map(), region: new Map() };

function unservedOf(workload: PlanWorkload, fleet: number, leases: readonly PlanLease[], movable: boolean): Unserved {
  const { replicas } = workload.spec;
  if (leases.length === 0) {
    const fresh = Array.from({ length: replicas }, (_, replica) => replica);
    return { workload, fleet, fresh, running: [], completions: [], keptReplicas: NOTHING_KEPT };
  }
  const fresh: number[] = [];
  const lots = new Map<string, RunningLot>();
  const completions: { replica: number; completion: Completion }[] = [];
  const provider = new Map<string, number>();
  const region = new Map<string, number>();
  for (let replica = 0; replica < replicas; replica += 1) {
    const gang = gangOf(replica, leases);
    const [beside] = gang;
    if (beside === undefined) {
      fresh.push(replica);
      continue;
    }
    const present = new Set(gang.map(({ part }) => part));
    const missingParts = Array.from({ length: beside.partCount }, (_, part) => part).filter(
      (part) => !present.has(part),
    );
    // A gang of several kinds of machines has no one place to count for: it stays.
    const isOfOnePool = gang.every(({ pool }) => poolKey(pool) === poolKey(beside.pool));
    if (movable && missingParts.length === 0 && isOfOnePool) {
      const shared = beside.replicas.filter((other) => other < replicas).toSorted((a, b) => a - b);
      const together = gang.length > 1 || shared.length === 0 ? [replica] : shared;
      lots.set(gang.map(({ id }) => id).join(' '), { leases: gang, replicas: together });
      continue;
    }
    const subjects = subjectsOf(beside.pool);
    count(provider, subjects.provider ?? '');
    count(region, subjects.region ?? '');
    if (missingParts.length === 0) continue;
    completions.push({ replica, completion: { missingParts, partCount: beside.partCount, beside } });
  }
  const running = [...lots.values()];
  return { workload, fleet, fresh, running, completions, keptReplicas: { provider, region } };
}

function count(counts: Map<string, number>, key: string): void {
  counts.set(key, (counts.get(key) ?? 0) + 1);
}

/** The leases that serve the replica, by part; of several gangs (one is replacing another) the fullest. */
function gangOf(replica: number, leases: readonly PlanLease[]): readonly PlanLease[] {
  const serving = leases.filter(({ replicas }) => replicas.includes(replica));
  if (serving.length <= 1) return serving;
  const ordered = serving.toSorted((a, b) => a.part - b.part || compareText(a.id, b.id));
  const gangs = [...Map.groupBy(ordered, ({ partCount }) => partCount)].toSorted(
    ([countA, a], [countB, b]) => countA - a.length - (countB - b.length) || countA - countB,
  );
  return gangs[0]?.[1] ?? [];
}

/** Equal for classes of workloads of one kind, whatever of them is to be placed. */
export function kindOf({ fleet, spec }: DemandClass): string {
  const workload = { id: '', spec };
  return likeness({ workload, fleet, fresh: [], running: [], completions: [], keptReplicas: NOTHING_KEPT }, true, null);
}

/** Finds the likeness of each spec as it is written once: most workloads are written like others. */
function rememberedLikeness(wishes: Wishes): (entry: Unserved, budgeted: boolean) => string {
  const known = new Map<string, string>();
  return (entry, budgeted) => {
    const { spec } = entry.workload;
    const { provider, region } = entry.keptReplicas;
    if (entry.running.length > 0 || provider.size > 0 || region.size > 0) return likeness(entry, budgeted, wishes);
    const written = JSON.stringify([entry.fleet, budgeted, entry.fresh.length, { ...spec, name: '' }]);
    let found = known.get(written);
    if (found === undefined) {
      found = likeness(entry, budgeted, wishes);
      known.set(written, found);
    }
    return found;
  };
}

/** Tells what workloads ask for that makes no difference in this market, so that those that differ only in that are alike. */
class Wishes {
  readonly #byAccelerator: MarketView['byAccelerator'];
  readonly #policies: readonly Policy[];
  /** By the choices as they are written: the dearest machines of one replica. */
  readonly #dearest = new Map<string, number>();

  constructor({ byAccelerator }: MarketView, policies: readonly Policy[]) {
    this.#byAccelerator = byAccelerator;
    this.#policies = policies;
  }

  /** Whether the workload's price limit is above everything that it could be placed on. */
  limitsNothing({ accelerators, maxPriceMicroUsdPerHour: limit }: WorkloadSpec): boolean {
    if (limit === null) return true;
    const written = JSON.stringify(accelerators);
    const dearest = this.#dearest.get(written) ?? this.#dearestOf(accelerators);
    this.#dearest.set(written, dearest);
    return dearest <= limit;
  }

  /** Whether reading its data costs nothing anywhere. */
  readsForNothing({ data }: WorkloadSpec, fleet: number): boolean {
    return data === null || data.gbPerHour === 0 || this.#policies[fleet]?.egressMicroUsdPerGb === 0;
  }

  #dearestOf(accelerators: WorkloadSpec['accelerators']): number {
    let dearest = 0;
    for (const choice of accelerators) {
      for (const { adjusted, offer } of this.#byAccelerator.get(choice.accelerator) ?? []) {
        const machines = shapeOf(choice, offer.acceleratorCount)?.machinesPerReplica ?? 0;
        if (adjusted * machines > dearest) dearest = adjusted * machines;
      }
    }
    return dearest;
  }
}

/** Everything of an unserved workload that a plan depends on. Lists whose order means nothing are sorted. */
function likeness(
  { workload: { spec }, fleet, fresh, running, keptReplicas }: Unserved,
  budgeted: boolean,
  wishes: Wishes | null,
): string {
  const choices = spec.accelerators.map(({ accelerator, count: accelerators, perMachine, throughput }) =>
    [accelerator, accelerators, perMachine, throughput].join('/'),
  );
  return JSON.stringify([
    fleet,
    budgeted ? spec.team : null,
    choices.toSorted(),
    spec.markets.toSorted(),
    spec.regions?.toSorted() ?? null,
    spec.providers?.toSorted() ?? null,
    wishes?.limitsNothing(spec) === true ? null : spec.maxPriceMicroUsdPerHour,
    spec.keepShare,
    spec.architecture,
    spec.priority,
    wishes?.readsForNothing(spec, fleet) === true ? null : spec.data,
    spec.replicas,
    fresh.length,
    running.map(lotSignature).toSorted(),
    [...keptReplicas.provider].toSorted(([a], [b]) => compareText(a, b)),
    [...keptReplicas.region].toSorted(([a], [b]) => compareText(a, b)),
  ]);
}
