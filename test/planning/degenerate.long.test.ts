import { describe, expect, it } from 'vitest';
import type { Plan } from '../../src/domain/plan.ts';
import type { WorkloadSpec } from '../../src/domain/workload.ts';
import { planFleet } from '../../src/planning/plan-fleet.ts';
import { caps, inputWith, offerAt, policyWith, usd, workload } from './market-builders.ts';
import { diceFrom } from './random-instances.ts';

describe('large markets', () => {
  it('with 10,000 workloads whose price limits all differ are planned within ten seconds', async () => {
    const plan = await planned((index) => ({ maxPriceMicroUsdPerHour: usd(200) + index }));
    expect(Math.max(...Object.values(plan.shares.provider))).toBeLessThanOrEqual(0.5 + 1e-9);
  }, 10_000);

  it('with 10,000 workloads that cost differently everywhere are planned within a minute', async () => {
    const plan = await planned((index) => ({ data: { home: 'aws', gbPerHour: 0.001 * index } }));
    expect(Math.max(...Object.values(plan.shares.provider))).toBeLessThanOrEqual(0.5 + 1e-9);
  }, 60_000);
});

/** The plan of 10,000 workloads that differ as stated, each replica of which is placed or held. */
async function planned(differing: (index: number) => Partial<WorkloadSpec>): Promise<Plan> {
  const dice = diceFrom(7);
  const offers = Array.from({ length: 300 }, (_, index) => {
    const provider = dice.of(['aws', 'azure', 'gcp']);
    return offerAt(`${provider}/r${index % 7}/z${index % 3}/t${index}/on-demand`, dice.count(10, 60), {
      acceleratorCount: dice.of([4, 8]),
    });
  });
  const workloads = Array.from({ length: 10_000 }, (_, index) =>
    workload(`w${index}`, { replicas: 1 + (index % 3), ...differing(index) }),
  );
  const policy = policyWith({
    egressMicroUsdPerGb: usd(0.02),
    maxShare: caps({ provider: 0.5, region: 0.4 }),
  });
  const plan = await planFleet(inputWith({ offers, workloads, policy }));
  const replicas = workloads.reduce((sum, { spec }) => sum + spec.replicas, 0);
  const served = plan.machines.filter(({ part }) => part === 0).length;
  const held = plan.held.reduce((sum, { replicas: waiting }) => sum + waiting.length, 0);
  expect(served + held).toBe(replicas);
  return plan;
}
