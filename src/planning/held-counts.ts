import type { Plan, PlanInput } from '../domain/plan.ts';

/** Whether the plan places fewer replicas than the other: fewer of the highest priority in which they differ. */
export function placesFewer(input: PlanInput, plan: Plan, other: Plan): boolean {
  const here = heldByPriority(input, plan);
  const there = heldByPriority(input, other);
  const levels = [...new Set(input.workloads.map(({ spec }) => spec.priority))].toSorted((a, b) => b - a);
  const differing = levels.find((level) => (here.get(level) ?? 0) !== (there.get(level) ?? 0));
  return differing !== undefined && (here.get(differing) ?? 0) > (there.get(differing) ?? 0);
}

function heldByPriority(input: PlanInput, plan: Plan): ReadonlyMap<number, number> {
  const priorities = new Map(input.workloads.map(({ id, spec }) => [id, spec.priority]));
  const held = new Map<number, number>();
  for (const { workloadId, replicas } of plan.held) {
    const level = priorities.get(workloadId) ?? 0;
    held.set(level, (held.get(level) ?? 0) + replicas.length);
  }
  return held;
}
