import { describe, expect, it } from 'vitest';
import type { HeldReplicas, PlanInput, PlanWorkload } from '../../src/domain/plan.ts';
import { planFleet } from '../../src/planning/plan-fleet.ts';
import { FACTS, LIFTS, withSpec } from './hold-truth.ts';
import { anyInput } from './random-features.ts';

const SIZE = { offers: 10, workloads: 3, replicas: 4 };
const HELD_WORKLOADS = 200;
const SEVERAL = 'one of several reasons that must all go';

/** Rules hold whatever the size of the fleet: lifting one could otherwise make it large enough for all the others. */
function instance(seed: number): PlanInput {
  const input = anyInput(seed, { ...SIZE, leases: seed % 3 === 0 });
  return { ...input, policies: input.policies.map((policy) => ({ ...policy, enforceAboveMicroUsdPerHour: 0 })) };
}

function waiting(held: readonly HeldReplicas[], id: string): number {
  return held.reduce((sum, { workloadId, replicas }) => sum + (workloadId === id ? replicas.length : 0), 0);
}

/** How many replicas of the workload wait when it comes first and the reasons are gone. */
async function waitingWithout(input: PlanInput, workload: PlanWorkload, rules: readonly string[]): Promise<number> {
  const lifted = rules.reduce((so, rule) => LIFTS[rule]?.(so, workload) ?? so, input);
  const { held } = await planFleet(withSpec(lifted, workload.id, { priority: 9 }));
  return waiting(held, workload.id);
}

/** What is untrue about the reasons of some held replicas. The rest of a broken gang is held apart from whole replicas. */
async function untruths(input: PlanInput, held: readonly HeldReplicas[], one: HeldReplicas): Promise<string[]> {
  const { workloadId, replicas, reasons } = one;
  const workload = input.workloads.find(({ id }) => id === workloadId);
  const rules = reasons.map(({ rule }) => rule).filter((rule) => !FACTS.has(rule));
  if (workload === undefined) return [`${workloadId} is no workload`];
  const unknown = rules.filter((rule) => LIFTS[rule] === undefined);
  if (unknown.length > 0) return unknown.map((rule) => `${workloadId}: ${rule} is no reason that the page knows`);
  const isSet = reasons.some(({ detail }) => detail.includes(SEVERAL));
  if (isSet && rules.length < reasons.length) return [];
  const claims = isSet ? [rules] : rules.map((rule) => [rule]);
  const untrue: string[] = [];
  for (const claim of claims) {
    const left = await waitingWithout(input, workload, claim);
    if (left > waiting(held, workloadId) - replicas.length)
      untrue.push(`${workloadId} stays held without ${claim.join(' and ')}`);
  }
  return untrue;
}

function areFacts({ reasons }: HeldReplicas): boolean {
  return reasons.length > 0 && reasons.every(({ rule }) => FACTS.has(rule));
}

/** What is untrue about the reasons of all that one plan holds. */
async function untruthsOf(input: PlanInput, held: readonly HeldReplicas[]): Promise<string[]> {
  const untrue: string[] = [];
  for (const one of held) {
    if (one.reasons.length === 0) untrue.push(`${one.workloadId} is held without a reason`);
    untrue.push(...(await untruths(input, held, one)));
  }
  return untrue;
}

describe('a reason for which a workload is held', () => {
  it('is true: without it, or without all of several, every replica finds a place', async () => {
    const untrue: string[] = [];
    const seen = new Set<string>();
    let checked = 0;
    for (let seed = 80_000; checked < HELD_WORKLOADS; seed += 1) {
      const input = instance(seed);
      const plan = await planFleet(input);
      const held = plan.held.filter((one) => !areFacts(one));
      checked += held.length;
      for (const { rule } of held.flatMap(({ reasons }) => reasons)) seen.add(rule);
      untrue.push(...(await untruthsOf(input, held)).map((what) => `seed ${seed}: ${what}`));
    }
    expect(untrue).toEqual([]);
    expect(seen.size).toBeGreaterThanOrEqual(20);
  });
});
