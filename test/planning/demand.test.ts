import { describe, expect, it } from 'vitest';
import type { WorkloadSpec } from '../../src/domain/workload.ts';
import { demandOf } from '../../src/planning/demand.ts';
import { inputWith, offerAt, policyWith, usd, workload } from './market-builders.ts';

const OFFERS = [offerAt('aws/r1/a/p5/on-demand', 10), offerAt('gcp/r1/a/a3/on-demand', 15)];

/** Ids of the members of each class of workloads that differ only as stated. */
function classesOf(
  specs: readonly Partial<WorkloadSpec>[],
  egressMicroUsdPerGb = usd(0.02),
): readonly (readonly string[])[] {
  const workloads = specs.map((spec, index) => workload(`w${index}`, spec));
  const input = inputWith({ offers: OFFERS, policy: policyWith({ egressMicroUsdPerGb }), workloads });
  return demandOf(input, false).map(({ members }) => members.map(({ workloadId }) => workloadId));
}

describe('classes of alike workloads', () => {
  it('do not tell apart price limits that nothing exceeds', () => {
    const limits = [null, usd(15), usd(99)].map((maxPriceMicroUsdPerHour) => ({ maxPriceMicroUsdPerHour }));
    expect(classesOf(limits)).toEqual([['w0', 'w1', 'w2']]);
  });

  it('tell apart price limits that something exceeds', () => {
    const limits = [null, usd(14.99), usd(9)].map((maxPriceMicroUsdPerHour) => ({ maxPriceMicroUsdPerHour }));
    expect(classesOf(limits)).toEqual([['w0'], ['w1'], ['w2']]);
  });

  it('count all machines of a gang against its price limit', () => {
    const gang = [{ accelerator: 'H100-80GB-SXM', count: 16, perMachine: null, throughput: 1 }];
    const limits = [null, usd(30), usd(29)].map((maxPriceMicroUsdPerHour) => ({
      maxPriceMicroUsdPerHour,
      accelerators: gang,
    }));
    expect(classesOf(limits)).toEqual([['w0', 'w1'], ['w2']]);
  });

  it('do not tell apart data that costs nothing to read', () => {
    const near = { data: { home: 'aws', gbPerHour: 100 } };
    const none = { data: { home: 'gcp', gbPerHour: 0 } };
    expect(classesOf([{}, none, near])).toEqual([['w0', 'w1'], ['w2']]);
    expect(classesOf([{}, none, near], 0)).toEqual([['w0', 'w1', 'w2']]);
  });
});
