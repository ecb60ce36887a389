import { describe, expect, it } from 'vitest';
import { greedily } from '../../src/planning/greedy.ts';
import { problemOf } from '../../src/planning/problem.ts';
import { rulesOf } from '../../src/planning/rules.ts';
import { caps, inputWith, leaseAt, offerAt, policyWith, workload } from './market-builders.ts';

describe('placing greedily', () => {
  it('comes back to what found no room before the rest of the fleet had grown', () => {
    const pools = ['aws/r1/a/p5/on-demand', 'azure/r1/a/nd/on-demand', 'gcp/r1/a/a3/on-demand'] as const;
    const problem = problemOf(
      inputWith({
        offers: pools.map((pool) => offerAt(pool, 10)),
        policy: policyWith({ maxShare: caps({ provider: 0.6 }) }),
        workloads: [
          workload('running', { replicas: 2 }),
          // First in order, but at 2 of 3 its provider would hold too much until the other runs.
          workload('first', { replicas: 2, providers: ['aws'], priority: 1 }),
          workload('second', { providers: ['gcp'] }),
        ],
        leases: [leaseAt('l1', 'running', pools[0], 10), leaseAt('l2', 'running', pools[1], 10, { replicas: [1] })],
      }),
    );
    const placements = greedily(
      problem,
      problem.fleets.map(({ policy }) => rulesOf(policy)),
      [1],
    );
    expect(placements?.map(({ option, lots }) => [option.at.offer.pool.provider, lots])).toEqual([
      ['aws', 2],
      ['gcp', 1],
    ]);
  });
});
