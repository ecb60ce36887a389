import type {
  AnalysisChoice,
  AnalysisService,
  CurveReport,
  PolicyReport,
  RiskReport,
} from '../../src/broker/analysis-service.ts';
import { ServiceError } from '../../src/broker/service.ts';
import type { CurveQuestion, PlanRecord, Replay } from '../../src/domain/plan-analysis.ts';
import { planFleet } from '../../src/planning/plan-fleet.ts';
import { explainPolicy } from '../../src/planning/policy-explanation.ts';
import { premiumCurve } from '../../src/planning/premium-curve.ts';
import { compareReplay } from '../../src/planning/replay.ts';
import { riskOf } from '../../src/planning/risk.ts';
import { caps, inputWith, NOW, offerAt, policyWith, workload } from '../planning/market-builders.ts';

const INPUT = inputWith({
  policy: policyWith({ maxShare: caps({ provider: 0.5 }), maxSpotShare: 0.9, minProviders: 2 }),
  // One best fleet only: what is shown of it does not hang on ties.
  workloads: [
    workload('w-1', { name: 'train', replicas: 4 }),
    workload('w-2', { name: 'web', replicas: 1, providers: ['azure'] }),
  ],
  offers: [
    offerAt('aws/us-east-1/a/p5/spot', 10),
    offerAt('azure/eastus/1/nd/on-demand', 12),
    offerAt('gcp/us-central1/a/a3/on-demand', 15),
  ],
});
const NAMES = { 'w-1': 'train', 'w-2': 'web' };

/** Analyses of one small fleet by the real planner: enough for the HTTP layer and the CLI to be tested alone. */
export class MemoryAnalysis implements AnalysisService {
  /** What the replayed plan is compared with; null = the very plan. */
  recordedCost: number | null = null;
  /** When set, analyses wait until their signal aborts, and then hand the reason over. */
  whenAborted: ((reason: unknown) => void) | null = null;

  whenAsked: () => void = () => {};

  async getRisk(planId: string): Promise<RiskReport> {
    const { input, plan, createdAt } = await this.getPlanRecord(planId);
    return { planId, createdAt, risk: riskOf(input, plan), workloadNames: NAMES };
  }

  async explainPolicy(name: string, { keepLeases }: AnalysisChoice, signal: AbortSignal): Promise<PolicyReport> {
    await this.hang(signal);
    checkPolicy(name);
    const { policies, keepsLeases } = await explainPolicy(INPUT, { keepLeases });
    const [price] = policies;
    if (price === undefined) throw new Error('nothing was explained');
    return { at: NOW, keepsLeases, price, workloadNames: NAMES };
  }

  async drawCurve(question: CurveQuestion, choice: AnalysisChoice, signal: AbortSignal): Promise<CurveReport> {
    await this.hang(signal);
    checkPolicy(question.policy);
    return { at: NOW, ...(await premiumCurve(INPUT, question, choice)) };
  }

  async getPlanRecord(planId: string): Promise<PlanRecord> {
    if (planId !== 'plan-1') throw new ServiceError('plan-not-found', `There is no plan "${planId}"`);
    const plan = await planFleet(INPUT);
    const costMicroUsdPerHour = this.recordedCost ?? plan.costMicroUsdPerHour;
    const recorded = { ...plan, costMicroUsdPerHour };
    return { planId, createdAt: NOW, plannerVersion: 'gpu-broker 0.0.1', seed: 0, input: INPUT, plan: recorded };
  }

  async replayPlan(planId: string, _signal: AbortSignal): Promise<Replay> {
    return compareReplay(await this.getPlanRecord(planId), await planFleet(INPUT));
  }

  protected async hang(signal: AbortSignal): Promise<void> {
    const { whenAborted } = this;
    if (whenAborted === null) return;
    this.whenAsked();
    await new Promise<void>((resolve) => signal.addEventListener('abort', () => resolve(), { once: true }));
    whenAborted(signal.reason);
    signal.throwIfAborted();
  }
}

function checkPolicy(name: string): void {
  if (name !== 'default') throw new ServiceError('policy-not-found', `No policy "${name}" is in force`);
}
