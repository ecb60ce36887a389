import { describe, expect, it } from 'vitest';
import { DIVERSIFICATION_RULES, type DiversificationRule } from '../../src/domain/policy.ts';
import { planFleet } from '../../src/planning/plan-fleet.ts';
import { premiumCurve } from '../../src/planning/premium-curve.ts';
import { caps, inputWith, leaseAt, offerAt, policyWith, usd, workload } from './market-builders.ts';

/** Four machines to place at 10, 12 and 15 $/h: the example of docs/policy.md. */
const OFFERS = [
  offerAt('aws/r1/a/x/on-demand', 10),
  offerAt('azure/r1/a/x/on-demand', 12),
  offerAt('gcp/r1/a/x/spot', 15),
];
const INPUT = inputWith({ workloads: [workload('w', { replicas: 4 })], offers: OFFERS });
const DEFAULT = { policy: 'default', limits: null };

describe('premiumCurve', () => {
  it('tells for each limit what the fleet costs with it, as planning with that limit does', async () => {
    const curve = await premiumCurve(INPUT, { ...DEFAULT, rule: 'maxShare.provider', limits: [1, 0.5, 0.3] });
    expect(curve).toMatchObject({ currentLimit: null, keepsLeases: false });
    expect(curve.baseline.costMicroUsdPerHour).toBe(usd(40));
    expect(curve.points.map((point) => [point.limit, point.heldReplicas, point.premiumMicroUsdPerHour])).toEqual([
      [0.3, 4, null],
      [0.5, 0, usd(7)],
      [1, 0, 0],
    ]);
    const policy = policyWith({ maxShare: caps({ provider: 0.5 }) });
    const plan = await planFleet({ ...INPUT, policies: [policy] });
    expect(curve.points[1]).toMatchObject({
      costMicroUsdPerHour: plan.costMicroUsdPerHour,
      effectiveCostMicroUsdPerHour: plan.effectiveCostMicroUsdPerHour,
      effectiveBoundMicroUsdPerHour: plan.effectiveBoundMicroUsdPerHour,
      premiumShare: 7 / 40,
      binding: true,
    });
    expect(curve.points[2]?.binding).toBe(false);
  });

  it.each(DIVERSIFICATION_RULES)(
    '%s: by default nine limits or so, from what is hard to keep to what costs nothing',
    async (rule: DiversificationRule) => {
      const { points, baseline } = await premiumCurve(INPUT, { ...DEFAULT, rule });
      expect(points.length).toBeGreaterThanOrEqual(rule === 'minProviders' ? 3 : 2);
      expect(points.length).toBeLessThanOrEqual(9);
      const loosest = rule === 'minProviders' || rule.startsWith('survive') ? points[0] : points.at(-1);
      expect(loosest).toMatchObject({ costMicroUsdPerHour: baseline.costMicroUsdPerHour, premiumMicroUsdPerHour: 0 });
      const ascending = points.map(({ limit }) => limit);
      expect(ascending).toEqual(ascending.toSorted((a, b) => a - b));
    },
  );

  it('never falls when the cap is tightened and all is placed', async () => {
    const offers = [...OFFERS, offerAt('aws/r2/a/x/on-demand', 11), offerAt('gcp/r2/a/x/on-demand', 17)];
    const input = inputWith({ workloads: [workload('w', { replicas: 9 })], offers });
    for (const rule of ['maxShare.provider', 'maxShare.region', 'maxConcentration'] as const) {
      const { points } = await premiumCurve(input, { ...DEFAULT, rule });
      const placed = points.filter(({ heldReplicas }) => heldReplicas === 0);
      expect(placed.length, rule).toBeGreaterThan(3);
      for (const [index, point] of placed.entries()) {
        const looser = placed[index + 1];
        if (looser === undefined) continue;
        expect(point.effectiveCostMicroUsdPerHour, rule).toBeGreaterThanOrEqual(looser.effectiveBoundMicroUsdPerHour);
      }
      expect(placed[0]?.premiumMicroUsdPerHour, rule).toBeGreaterThan(0);
    }
  });

  it('has the policy’s present limit among its points, and enforces the rule whatever would lift it', async () => {
    const policy = policyWith({
      ...{ maxShare: caps({ provider: 0.41 }), enforceAboveMicroUsdPerHour: usd(1000) },
      ...{ onInfeasible: 'relax', relax: ['maxShare.provider'] },
    });
    const curve = await premiumCurve({ ...INPUT, policies: [policy] }, { ...DEFAULT, rule: 'maxShare.provider' });
    expect(curve.currentLimit).toBe(0.41);
    const current = curve.points.find(({ isCurrent }) => isCurrent);
    expect(current).toMatchObject({ limit: 0.41 });
    expect(current?.heldReplicas).toBeGreaterThan(0);
  });

  it('plans afresh, with what the leases take given back, unless they are to stay', async () => {
    const quotaClaims = [{ quota: 'gpus', scope: 'region', units: 8 }] as const;
    const input = inputWith({
      workloads: [workload('w', { replicas: 2 })],
      offers: [offerAt('aws/r1/a/x/on-demand', 10, { quotaClaims }), offerAt('gcp/r1/a/x/on-demand', 15)],
      leases: [0, 1].map((replica) => leaseAt(`l${replica}`, 'w', 'aws/r1/a/x/on-demand', 10, { replicas: [replica] })),
      quotas: [{ provider: 'aws', region: 'r1', name: 'gpus', unit: 'accelerators', limit: 16, usage: 16 }],
    });
    const question = { ...DEFAULT, rule: 'maxShare.provider', limits: [0.6, 1] } as const;
    const fresh = await premiumCurve(input, question);
    expect(fresh.points.map(({ costMicroUsdPerHour }) => costMicroUsdPerHour)).toEqual([usd(25), usd(20)]);
    const kept = await premiumCurve(input, question, { keepLeases: true });
    expect(kept.keepsLeases).toBe(true);
    expect(kept.points.map(({ costMicroUsdPerHour }) => costMicroUsdPerHour)).toEqual([usd(20), usd(20)]);
  });

  it('gives back what leases take of reservations and of quotas of the whole account', async () => {
    const quotaClaims = [{ quota: 'all', scope: 'global', units: 8 }] as const;
    const reserved = 'aws/r1/a/x/reserved/cr-1';
    const input = inputWith({
      workloads: [workload('w', { replicas: 2 })],
      offers: [offerAt(reserved, 1, { availableCount: 0 }), offerAt('gcp/r1/a/x/on-demand', 15, { quotaClaims })],
      leases: [leaseAt('l0', 'w', reserved, 1), leaseAt('l1', 'w', 'gcp/r1/a/x/on-demand', 15, { replicas: [1] })],
      quotas: [{ provider: 'gcp', region: null, name: 'all', unit: 'accelerators', limit: 8, usage: 8 }],
    });
    const { baseline } = await premiumCurve(input, { ...DEFAULT, rule: 'maxShare.provider', limits: [1] });
    expect(baseline).toMatchObject({ costMicroUsdPerHour: usd(16), placedReplicas: 2, heldReplicas: 0 });
  });

  it('refuses limits that the rule cannot have, and policies that there are not', async () => {
    const ask = (rule: DiversificationRule, limit: number, policy = 'default') =>
      premiumCurve(INPUT, { policy, rule, limits: [limit] });
    await expect(ask('maxShare.provider', 1.2)).rejects.toThrow('allowed: a share from 0 to 1');
    await expect(ask('minProviders', 0.5)).rejects.toThrow('allowed: a whole number of 1 or more');
    await expect(ask('maxShare.provider', 0.5, 'other')).rejects.toThrow('no policy is named "other"');
  });
});
