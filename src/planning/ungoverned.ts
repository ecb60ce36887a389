import type { HeldReplicas, PlanInput } from '../domain/plan.ts';
import { governanceOf } from './governance.ts';

/** Workloads of teams that no policy governs: nothing is bought for them. */
export function ungoverned(input: PlanInput): readonly HeldReplicas[] {
  const governance = governanceOf(input);
  // A gang is there when all its machines are.
  const served = new Map<string, Map<number, number>>();
  for (const { workloadId, replicas, partCount } of input.leases) {
    const own = served.get(workloadId) ?? new Map<number, number>();
    for (const replica of replicas) own.set(replica, (own.get(replica) ?? 0) + 1 / partCount);
    served.set(workloadId, own);
  }
  return input.workloads.flatMap(({ id, spec }) => {
    if (governance.ofSpec(spec) !== null) return [];
    const all = Array.from({ length: spec.replicas }, (_, replica) => replica);
    const replicas = all.filter((replica) => (served.get(id)?.get(replica) ?? 0) < 1 - 1e-9);
    if (replicas.length === 0) return [];
    const detail = `no policy governs the team ${spec.team}: name it under appliesTo.teams of one`;
    return [{ workloadId: id, replicas, reasons: [{ rule: 'no-policy', detail }] }];
  });
}
