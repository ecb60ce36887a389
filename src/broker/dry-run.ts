import type { PlanInput, PlanWorkload } from '../domain/plan.ts';
import type { WorkloadSpec } from '../domain/workload.ts';
import type { BrokerContext, Planner } from './context.ts';
import { readPlanningView } from './placing.ts';
import { type PlanView, ServiceError } from './service.ts';

/** What a plan would do if these were applied now, with everything pending. A workload of that team and name is taken as changed. */
export async function dryRun(
  context: BrokerContext,
  planner: Planner,
  specs: readonly WorkloadSpec[],
): Promise<PlanView> {
  const view = await readPlanningView(context);
  if (view === null)
    throw new ServiceError('not-ready', 'No policy is in force yet; put one into the policies directory');
  const startedAt = context.clock.now();
  const workloads = withSpecs(view.input.workloads, specs);
  const input: PlanInput = { ...view.input, workloads };
  const plan = await planner.plan(input, context.signal);
  return {
    id: null,
    createdAt: startedAt,
    trigger: 'dry-run',
    policies: view.policies,
    elapsedMs: context.clock.now() - startedAt,
    plan,
    workloadNames: Object.fromEntries(workloads.map(({ id, spec }) => [id, spec.name])),
  };
}

function withSpecs(present: readonly PlanWorkload[], specs: readonly WorkloadSpec[]): PlanWorkload[] {
  const changed = new Map(specs.map((spec) => [`${spec.team}/${spec.name}`, spec]));
  const kept = present.map(({ id, spec }): PlanWorkload => {
    const key = `${spec.team}/${spec.name}`;
    const replacement = changed.get(key);
    changed.delete(key);
    return { id, spec: replacement ?? spec };
  });
  return [...kept, ...[...changed].map(([key, spec]): PlanWorkload => ({ id: `dry-run/${key}`, spec }))];
}
