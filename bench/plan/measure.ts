import type { Plan } from '../../src/domain/plan.ts';
import type { Phase } from '../../src/planning/decide.ts';
import { createExplainer } from '../../src/planning/explain.ts';
import type { PlanOptions } from '../../src/planning/plan-fleet.ts';
import { planFleet } from '../../src/planning/plan-fleet.ts';
import type { FleetFile } from './fleet-file.ts';
import { inputOf } from './fleet-input.ts';
import type { Row } from './rows.ts';

export const STEPS = ['parse', 'prune', 'model', 'LP', 'MIP', 'polish', 'tell', 'explain'] as const;
export type Step = (typeof STEPS)[number];

const STEP_OF: Readonly<Record<Phase, Step>> = {
  prune: 'prune',
  model: 'model',
  relaxation: 'LP',
  search: 'MIP',
  polish: 'polish',
  assign: 'tell',
  reasons: 'explain',
  record: 'tell',
};

export interface Timed {
  readonly plan: Plan;
  readonly ms: number;
  /** Milliseconds by step; the unconstrained plan that premiums are measured against is in them. */
  readonly steps: Readonly<Record<Step, number>>;
  /** The first answer with a bound, before it is made better: when it was found, from the start of parsing, and its gap. */
  readonly first: { readonly ms: number; readonly gapShare: number };
}

/** One whole plan from the file's contents: parse, prune, solve, explain one workload of every kind. */
export async function timedPlan(
  read: () => Promise<FleetFile>,
  row: Row,
  effort: PlanOptions['effort'],
): Promise<Timed> {
  const steps: Record<Step, number> = { parse: 0, prune: 0, model: 0, LP: 0, MIP: 0, polish: 0, tell: 0, explain: 0 };
  const startedAt = performance.now();
  let step: Step = 'parse';
  let since = startedAt;
  const enter = (next: Step): void => {
    const now = performance.now();
    steps[step] += now - since;
    step = next;
    since = now;
  };
  const fleet = await read();
  const input = inputOf(fleet, row.policy);
  let first: Timed['first'] | null = null;
  const plan = await planFleet(input, {
    effort: effort ?? 'full',
    onPhase: (phase) => enter(STEP_OF[phase]),
    onAnswer: ({ effectiveCost, effectiveBound }) => {
      first ??= { ms: performance.now() - startedAt, gapShare: 1 - effectiveBound / effectiveCost };
    },
  });
  enter('explain');
  const explain = createExplainer(input, plan);
  for (const [workload] of Map.groupBy(fleet.W, ({ tmpl }) => tmpl).values()) {
    if (workload !== undefined) explain(workload.id);
  }
  enter('explain');
  const ms = performance.now() - startedAt;
  return { plan, ms, steps, first: first ?? { ms, gapShare: plan.gapShare } };
}
