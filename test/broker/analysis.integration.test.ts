import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createAnalysisService } from '../../src/broker/create-analysis-service.ts';
import { createPlanner } from '../../src/broker/planning/planner.ts';
import { PLANNER_VERSION } from '../../src/planning/planner-version.ts';
import { caps, policyWith } from '../planning/market-builders.ts';
import type { BrokerRig } from '../support/broker-rig.ts';
import { startBrokerRig } from '../support/broker-rig.ts';
import { aWorkload } from '../support/samples.ts';

/** Sold by both of the rig's clouds. */
const T4 = [{ accelerator: 'T4', count: 1, perMachine: null, throughput: 1 }];
const CALLER = new AbortController().signal;
let rig: BrokerRig;

beforeAll(async () => {
  const policy = policyWith({ allowedMarkets: ['on-demand'], minProviders: 2, maxShare: caps({ provider: 0.6 }) });
  rig = await startBrokerRig({ policy });
});
afterAll(() => rig.close());

describe('analyses of a running broker', () => {
  it('make a stored plan again byte for byte, and tell its risk and what its policy costs', async () => {
    await rig.until('all clouds are read', async () => (await rig.service.readiness()).length === 0, 60);
    await rig.service.applyWorkload(aWorkload({ name: 'web', replicas: 4, accelerators: T4 }));
    await rig.untilReady('web');
    const { items } = await rig.service.listPlans({ cursor: null, limit: 10 });
    const planId = items.at(-1)?.id ?? '';
    expect(await rig.service.replayPlan(planId, CALLER)).toEqual({
      ...{ planId, isEqual: true, recordedVersion: PLANNER_VERSION, plannerVersion: PLANNER_VERSION, seed: 0 },
      ...{ differenceCount: 0, differences: [] },
    });
    const record = await rig.service.getPlanRecord(planId);
    expect(record).toMatchObject({ planId, seed: 0, input: { policies: [{ name: 'default' }] } });

    const { risk, workloadNames } = await rig.service.getRisk(planId);
    expect(Object.values(workloadNames)).toEqual(['web']);
    expect(risk.workloads[0]).toMatchObject({ replicasAsked: 4, replicasStanding: 4 });
    expect(risk.providers.length).toBeGreaterThan(1);

    const { price } = await rig.service.explainPolicy('default', { keepLeases: false }, CALLER);
    expect(price.rules.map(({ rule }) => rule)).toEqual(['maxShare.provider', 'minProviders']);
    expect(price.withRules).toMatchObject({ placedReplicas: 4, heldReplicas: 0 });
    const question = { policy: 'default', rule: 'maxShare.provider', limits: [0.6, 1] } as const;
    const curve = await rig.service.drawCurve(question, { keepLeases: false }, CALLER);
    expect(curve.points.map(({ limit, isCurrent }) => [limit, isCurrent])).toEqual([
      [0.6, true],
      [1, false],
    ]);
    expect(curve.points[0]?.costMicroUsdPerHour).toBe(price.withRules.costMicroUsdPerHour);

    const unknown = { policy: 'other', rule: 'minProviders', limits: null } as const;
    await expect(rig.service.drawCurve(unknown, { keepLeases: false }, CALLER)).rejects.toMatchObject({
      code: 'policy-not-found',
      message: 'No policy "other" is in force; in force: default',
    });
    await expect(rig.service.replayPlan('nothing', CALLER)).rejects.toMatchObject({ code: 'plan-not-found' });
  });

  it('that take too long end with advice', async () => {
    const analyst = createPlanner();
    try {
      const deadline = new AbortController();
      const service = createAnalysisService(rig.context, analyst, () => {
        queueMicrotask(() => deadline.abort(new DOMException('over', 'TimeoutError')));
        return deadline.signal;
      });
      await expect(service.explainPolicy('default', { keepLeases: false }, CALLER)).rejects.toMatchObject({
        code: 'analysis-timeout',
        message: 'Planning took longer than 300 s; ask for fewer limits',
      });
    } finally {
      await analyst.close();
    }
  });

  it('end with their caller', async () => {
    const analyst = createPlanner();
    try {
      const service = createAnalysisService(rig.context, analyst);
      const caller = new AbortController();
      const asked = service.explainPolicy('default', { keepLeases: false }, caller.signal);
      const reason = new Error('the caller has gone');
      caller.abort(reason);
      await expect(asked).rejects.toBe(reason);
    } finally {
      await analyst.close();
    }
  });
});
