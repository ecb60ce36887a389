import type { Plan, PlanInput } from '../../domain/plan.ts';
import type { CurveQuestion, PolicyExplanation, PremiumCurve } from '../../domain/plan-analysis.ts';
import type { AnalysisOptions } from '../../planning/analysis-input.ts';
import type { ExplanationOptions } from '../../planning/policy-explanation.ts';
import type { RebalanceOffer } from '../../planning/rebalance.ts';

/** What the planner's thread can be asked. */
export type PlannerTask =
  | {
      readonly kind: 'plan';
      readonly input: PlanInput;
      readonly effort: Plan['effort'];
      /** Whether a good answer is to be sent ahead of a search that takes longer. */
      readonly sendsEarly: boolean;
    }
  | { readonly kind: 'explain-policy'; readonly input: PlanInput; readonly options: ExplanationOptions }
  | {
      readonly kind: 'premium-curve';
      readonly input: PlanInput;
      readonly question: CurveQuestion;
      readonly options: AnalysisOptions;
    }
  | { readonly kind: 'rebalance'; readonly input: PlanInput };

/** The answer to the task of the same kind. */
export type PlannerAnswer =
  | { readonly kind: 'plan'; readonly plan: Plan }
  | { readonly kind: 'explain-policy'; readonly explanation: PolicyExplanation }
  | { readonly kind: 'premium-curve'; readonly curve: PremiumCurve }
  /** Null: nothing would move. */
  | { readonly kind: 'rebalance'; readonly offer: RebalanceOffer | null };

/** One task at a time, in order. */
export interface PlannerRequest {
  readonly id: number;
  readonly task: PlannerTask;
}

/** `early`: a good answer; the proved one follows. */
export type PlannerReply =
  | { readonly id: number; readonly early: Plan }
  | { readonly id: number; readonly answer: PlannerAnswer }
  | { readonly id: number; readonly failure: { readonly message: string; readonly stack: string | undefined } };
