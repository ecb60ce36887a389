import type { PlanRecord } from '../domain/plan-analysis.ts';
import { compareReplay } from '../planning/replay.ts';
import { riskOf } from '../planning/risk.ts';
import { getPlan, getPlanInput, type PlanRow } from '../store/plans.ts';
import { inTime, type StartDeadline, startAnalysisDeadline } from './analysis-deadline.ts';
import type { AnalysisService } from './analysis-service.ts';
import type { BrokerContext } from './context.ts';
import { type PlanningView, readPlanningView } from './placing.ts';
import type { Planner } from './planning/planner.ts';
import { ServiceError } from './service.ts';

/** `analyst`: a planner of its own, so that placing never waits for somebody's report. */
export function createAnalysisService(
  context: BrokerContext,
  analyst: Planner,
  startDeadline: StartDeadline = startAnalysisDeadline,
): AnalysisService {
  async function storedPlan(id: string): Promise<{ readonly row: PlanRow; readonly record: PlanRecord }> {
    const row = await getPlan(context.store.database, id);
    const input = row === null ? null : await getPlanInput(context.store.database, id);
    if (row === null || input === null)
      throw new ServiceError('plan-not-found', `No plan has the id "${id}"; list them with GET /v1/plans`);
    const { createdAt, plannerVersion, seed, plan } = row;
    return { row, record: { planId: id, createdAt, plannerVersion, seed, input, plan } };
  }

  async function viewWith(policy: string): Promise<PlanningView> {
    const view = await readPlanningView(context);
    if (view === null)
      throw new ServiceError('not-ready', 'No policy is in force yet; put one into the policies directory');
    const names = view.input.policies.map(({ name }) => name);
    if (names.includes(policy)) return view;
    throw new ServiceError('policy-not-found', `No policy "${policy}" is in force; in force: ${names.join(', ')}`);
  }

  function within<Answer>(signal: AbortSignal, work: (signal: AbortSignal) => Promise<Answer>): Promise<Answer> {
    return inTime(startDeadline, [signal, context.signal], 'ask for fewer limits', work);
  }

  return {
    getRisk: async (planId) => {
      const { row, record } = await storedPlan(planId);
      const { workloadNames, createdAt } = row;
      return { planId, createdAt, risk: riskOf(record.input, record.plan), workloadNames };
    },
    explainPolicy: async (name, { keepLeases }, signal) => {
      const { input, workloads } = await viewWith(name);
      const options = { policies: [name], keepLeases };
      const { policies, keepsLeases } = await within(signal, (until) => analyst.explainPolicy(input, options, until));
      const [price] = policies;
      if (price === undefined) throw new Error(`the planner explained nothing of policy ${name}`);
      const workloadNames = Object.fromEntries(workloads.map(({ id, spec }) => [id, spec.name]));
      return { at: input.at, keepsLeases, price, workloadNames };
    },
    drawCurve: async (question, choice, signal) => {
      const { input } = await viewWith(question.policy);
      const curve = await within(signal, (until) => analyst.premiumCurve(input, question, choice, until));
      return { at: input.at, ...curve };
    },
    getPlanRecord: async (planId) => (await storedPlan(planId)).record,
    replayPlan: async (planId, signal) => {
      const { record } = await storedPlan(planId);
      return compareReplay(
        record,
        await within(signal, (until) => analyst.plan(record.input, until, { effort: record.plan.effort })),
      );
    },
  };
}
