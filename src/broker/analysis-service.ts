import type {
  CurveQuestion,
  PlanRecord,
  PolicyPrice,
  PremiumCurve,
  Replay,
  RiskView,
} from '../domain/plan-analysis.ts';
import type { EpochMs } from '../domain/time.ts';

/** Workload ids → names, so that an analysis can be read alone. */
type Names = Readonly<Record<string, string>>;

export interface RiskReport {
  readonly planId: string;
  readonly createdAt: EpochMs;
  readonly risk: RiskView;
  readonly workloadNames: Names;
}

export interface PolicyReport {
  readonly at: EpochMs;
  /** False: planned afresh, as if nothing ran. */
  readonly keepsLeases: boolean;
  readonly price: PolicyPrice;
  readonly workloadNames: Names;
}

export interface CurveReport extends PremiumCurve {
  readonly at: EpochMs;
}

export interface AnalysisChoice {
  /** False: the whole fleet planned afresh, as if nothing ran. */
  readonly keepLeases: boolean;
}

/**
 * What is told of plans beyond the plan. Nothing here changes anything. Long work ends when `signal` aborts, with the signal's reason; it
 * throws `analysis-timeout` when it takes too long.
 */
export interface AnalysisService {
  /** What the fleet that the plan led to would lose with each provider and region. Throws `plan-not-found`. */
  getRisk(planId: string): Promise<RiskReport>;
  /** What the policy and each of its rules cost the present workloads in the present market. Throws `policy-not-found`, `not-ready`. */
  explainPolicy(name: string, choice: AnalysisChoice, signal: AbortSignal): Promise<PolicyReport>;
  /** Cost as a function of one limit. Throws `policy-not-found`, `not-ready`. */
  drawCurve(question: CurveQuestion, choice: AnalysisChoice, signal: AbortSignal): Promise<CurveReport>;
  /** The plan with everything it was made from. Throws `plan-not-found`. */
  getPlanRecord(planId: string): Promise<PlanRecord>;
  /** Makes the plan again from its stored input and compares. Throws `plan-not-found`. */
  replayPlan(planId: string, signal: AbortSignal): Promise<Replay>;
}
