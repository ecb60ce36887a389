import type { PlanInput, PlanLease, PlanWorkload } from '../domain/plan.ts';
import type { WorkloadSpec } from '../domain/workload.ts';
import { compareText } from './market-view.ts';

/** The replicas of one workload that are to be placed. */
export interface Member {
  readonly workloadId: string;
  /** Ascending. */
  readonly replicas: readonly number[];
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
  readonly spec: WorkloadSpec;
  /** Sorted by workload id; all with the same number of replicas to place. */
  readonly members: readonly Member[];
  /** Replicas to place, all members together. */
  readonly demand: number;
  /** Replicas of each member that leases already hold, by provider. */
  readonly keptReplicas: ReadonlyMap<string, number>;
  readonly completion: Completion | null;
}

interface Unserved {
  readonly workload: PlanWorkload;
  readonly fresh: readonly number[];
  readonly completions: readonly { readonly replica: number; readonly completion: Completion }[];
  readonly keptReplicas: ReadonlyMap<string, number>;
}

/** What no lease serves yet, in a stated order. */
export function demandOf(input: PlanInput): readonly DemandClass[] {
  const leases = Map.groupBy(input.leases, ({ workloadId }) => workloadId);
  const workloads = input.workloads.toSorted((a, b) => compareText(a.id, b.id));
  const unserved = workloads.map((workload) => unservedOf(workload, leases.get(workload.id) ?? []));
  const fresh = unserved.filter((entry) => entry.fresh.length > 0);
  const alike = [...Map.groupBy(fresh, likeness).values()].map(freshClass);
  const completions = unserved.flatMap((entry) =>
    entry.completions.map(({ replica, completion }) => completionClass(entry, replica, completion)),
  );
  return [...alike, ...completions].toSorted((a, b) => compareText(a.key, b.key));
}

/** The class of one member alone. */
export function classOfMember(demandClass: DemandClass, member: Member): DemandClass {
  return { ...demandClass, key: member.workloadId, members: [member], demand: member.replicas.length };
}

function freshClass(entries: readonly Unserved[]): DemandClass {
  const [first] = entries;
  if (first === undefined) throw new RangeError('a class of workloads has at least one member');
  const members = entries.map(({ workload, fresh }) => ({ workloadId: workload.id, replicas: fresh }));
  return {
    key: first.workload.id,
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
    spec: entry.workload.spec,
    members: [{ workloadId: entry.workload.id, replicas: [replica] }],
    demand: 1,
    keptReplicas: entry.keptReplicas,
    completion,
  };
}

function unservedOf(workload: PlanWorkload, leases: readonly PlanLease[]): Unserved {
  const fresh: number[] = [];
  const completions: { replica: number; completion: Completion }[] = [];
  const keptReplicas = new Map<string, number>();
  for (let replica = 0; replica < workload.spec.replicas; replica += 1) {
    const gang = gangOf(replica, leases);
    const [beside] = gang;
    if (beside === undefined) {
      fresh.push(replica);
      continue;
    }
    keptReplicas.set(beside.pool.provider, (keptReplicas.get(beside.pool.provider) ?? 0) + 1);
    const present = new Set(gang.map(({ part }) => part));
    const missingParts = Array.from({ length: beside.partCount }, (_, part) => part).filter(
      (part) => !present.has(part),
    );
    if (missingParts.length === 0) continue;
    completions.push({ replica, completion: { missingParts, partCount: beside.partCount, beside } });
  }
  return { workload, fresh, completions, keptReplicas };
}

/** The leases that serve the replica, by part; of several gangs (one is replacing another) the fullest. */
function gangOf(replica: number, leases: readonly PlanLease[]): readonly PlanLease[] {
  const serving = leases
    .filter(({ replicas }) => replicas.includes(replica))
    .toSorted((a, b) => a.part - b.part || compareText(a.id, b.id));
  const gangs = [...Map.groupBy(serving, ({ partCount }) => partCount)].toSorted(
    ([countA, a], [countB, b]) => countA - a.length - (countB - b.length) || countA - countB,
  );
  return gangs[0]?.[1] ?? [];
}

/** Everything of an unserved workload that a plan depends on. Lists whose order means nothing are sorted. */
function likeness({ workload: { spec }, fresh, keptReplicas }: Unserved): string {
  const choices = spec.accelerators.map(({ accelerator, count, perMachine, throughput }) =>
    [accelerator, count, perMachine, throughput].join('/'),
  );
  return JSON.stringify([
    choices.toSorted(),
    spec.markets.toSorted(),
    spec.regions?.toSorted() ?? null,
    spec.providers?.toSorted() ?? null,
    spec.maxPriceMicroUsdPerHour,
    spec.keepShare,
    spec.architecture,
    spec.priority,
    spec.replicas,
    fresh.length,
    [...keptReplicas].toSorted(([a], [b]) => compareText(a, b)),
  ]);
}
