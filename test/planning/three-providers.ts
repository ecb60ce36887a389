/** A fleet whose plans can be told in the head: one pool at each provider, and four replicas to place. */
import type { PlanInput } from '../../src/domain/plan.ts';
import type { Policy } from '../../src/domain/policy.ts';
import type { WorkloadSpec } from '../../src/domain/workload.ts';
import { inputWith, offerAt, policyWith, workload } from './market-builders.ts';

/** One region, one zone and one price per provider: aws the cheapest, gcp the dearest. */
export const THREE = [
  offerAt('aws/r1/a/p5/on-demand', 10),
  offerAt('azure/r1/*/nd/on-demand', 12),
  offerAt('gcp/r1/a/a3/on-demand', 15),
];

export function four(
  policy: Partial<Policy>,
  changes: Partial<PlanInput> = {},
  spec: Partial<WorkloadSpec> = {},
): PlanInput {
  return inputWith({
    offers: THREE,
    workloads: [workload('w', { replicas: 4, ...spec })],
    policy: policyWith(policy),
    ...changes,
  });
}
