import type { PlanInput } from '../domain/plan.ts';
import type { RulePrice } from '../domain/plan-analysis.ts';
import { decide } from './decide.ts';
import { compareText } from './market-view.ts';
import { relaxedOptimum } from './optimise.ts';
import { problemOf } from './problem.ts';

const POINT = 0.01;

/**
 * The marginal price of every cap and of the concentration in the plan that the input leads to, dearest first; limits that cost
 * nothing there are left out. Prices are those of the relaxation at its optimum: exact for small changes of it, a guide for
 * whole machines. Rules that move in whole steps (`survive`, `minProviders`) have no price at the margin: their premium tells.
 */
export async function rulePrices(input: PlanInput): Promise<readonly RulePrice[]> {
  const problem = problemOf(input);
  const planning = { problem, gapShare: 1e-4, quick: true, onPhase: () => {} };
  const { inForce, planned } = await decide(planning);
  const relaxed = await relaxedOptimum(problem, inForce, planned.requiredProviders, planned.placed);
  if (relaxed === null) return [];
  return relaxed.slopes
    .map(({ fleet, rule, subject, limit, slope }) => ({
      policy: problem.fleets[fleet]?.policy.name ?? '',
      ...{ rule, subject, limit },
      savedMicroUsdPerHourPerPoint: Math.round(-slope * POINT),
    }))
    .filter(({ savedMicroUsdPerHourPerPoint: saved }) => saved > 0)
    .toSorted(
      (a, b) =>
        b.savedMicroUsdPerHourPerPoint - a.savedMicroUsdPerHourPerPoint ||
        compareText(`${a.policy} ${a.rule} ${a.subject}`, `${b.policy} ${b.rule} ${b.subject}`),
    );
}
