import { describe, expect, it } from 'vitest';
import type { PlanInput } from '../../src/domain/plan.ts';
import { cheapestOf } from '../../src/planning/increment.ts';
import { problemOf } from '../../src/planning/problem.ts';
import { rulesOf } from '../../src/planning/rules.ts';
import { inputWith, offerAt, policyWith, usd, workload } from './market-builders.ts';

function boundOf(input: PlanInput): number {
  const problem = problemOf(input);
  return cheapestOf(
    problem,
    problem.fleets.map(({ policy }) => rulesOf(policy)),
  );
}

const OFFERS = [
  offerAt('aws/r1/a/p5/on-demand', 10),
  offerAt('azure/r1/a/nd/on-demand', 12),
  offerAt('gcp/r1/a/a3/on-demand', 15),
];

describe('the least that places can cost', () => {
  it('is that of the cheapest for each replica', () => {
    const workloads = [workload('w', { replicas: 3 }), workload('x', { providers: ['gcp'] })];
    expect(boundOf(inputWith({ offers: OFFERS, workloads }))).toBe(usd(3 * 10 + 15));
  });

  it('bounds what shares machines by its share of them', () => {
    const accelerators = [{ accelerator: 'H100-80GB-SXM', count: 1, perMachine: null, throughput: 1 }];
    const workloads = [workload('w', { replicas: 9, accelerators })];
    expect(boundOf(inputWith({ offers: OFFERS, workloads }))).toBe(usd((9 / 8) * 10));
  });

  it('counts survive: of four replicas no more than two at one provider', () => {
    const policy = policyWith({ survive: [{ loss: 'provider', keepShare: 0.5 }] });
    expect(boundOf(inputWith({ offers: OFFERS, policy, workloads: [workload('w', { replicas: 4 })] }))).toBe(usd(44));
  });

  it('counts what is free', () => {
    const [, ...others] = OFFERS;
    const offers = [offerAt('aws/r1/a/p5/on-demand', 10, { availableCount: 1 }), ...others];
    expect(boundOf(inputWith({ offers, workloads: [workload('w', { replicas: 3 })] }))).toBe(usd(10 + 24));
  });
});
