import { inspect } from 'node:util';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { InstanceRef } from '../../../src/providers/provider.ts';
import { loadProvider } from '../../../src/providers/registry.ts';
import { aRequest, call, EVERYTHING, type LambdaStage, OWNER, REGIONS, startStage } from './lambda-clouds.ts';

const LONG_MS = 120_000;

describe('the adapter for Lambda', () => {
  let stage: LambdaStage;

  beforeEach(async () => {
    stage = await startStage();
  });

  afterEach(async () => {
    await stage.close();
  });

  function owned() {
    return stage.provider.listOwned({ owner: OWNER, regions: REGIONS }, call());
  }

  async function launched(change: Parameters<typeof aRequest>[0] = {}): Promise<readonly InstanceRef[]> {
    const { instances } = await stage.provider.launch(aRequest(change), call());
    await stage.clock.advance(LONG_MS);
    return instances.map(({ ref }) => ref);
  }

  describe('offers', () => {
    it('every type is a pool in every region, without a zone, at one price', async () => {
      const { offers, quarantined } = await stage.provider.listOffers({ regions: REGIONS }, call());
      expect(offers.length).toBe(2 * stage.clouds.world.facts('lambda').instanceTypes.length);
      expect(quarantined).toEqual([]);
      const b200 = offers.filter(({ pool }) => pool.instanceType === 'gpu_8x_b200_sxm6');
      expect(b200.map(({ pool }) => pool.region).toSorted()).toEqual(REGIONS.toSorted());
      for (const offer of b200) {
        expect(offer).toMatchObject({
          ...{ accelerator: 'B200-180GB-SXM', acceleratorCount: 8, priceMicroUsdPerHour: 53_520_000 },
          pool: { zone: null, market: 'on-demand', reservation: null },
        });
      }
    });

    it('where Lambda sees no capacity, none is free; where it does, how much is unknown', async () => {
      stage.clouds.control.setFree({ ...EVERYTHING, region: 'us-west-1', instanceType: 'gpu_1x_a10' }, 0);
      const { offers } = await stage.provider.listOffers({ regions: REGIONS }, call());
      const a10 = offers.filter(({ pool }) => pool.instanceType === 'gpu_1x_a10');
      expect(new Map(a10.map(({ pool, availableCount }) => [pool.region, availableCount]))).toEqual(
        new Map([
          ['us-east-1', null],
          ['us-west-1', 0],
        ]),
      );
      expect(a10.map(({ availability }) => availability)).toEqual(['available', 'available']);
    });

    it('one request reads them, whatever the number of regions', async () => {
      await stage.provider.listOffers({ regions: REGIONS }, call());
      expect(stage.clouds.requests().map(({ operation }) => operation)).toEqual(['listInstanceTypes']);
    });

    it('trap: each region asked by itself, at once or within half a minute, is one request', async () => {
      const options = { sshKeyName: 'gpu-broker' };
      const another = await loadProvider('lambda', { ...stage.settings, options });
      stage.clouds.control.setRateLimit('lambda', 'requests', { capacity: 2, refillPerSecond: 0 });
      const askAll = () =>
        Promise.all(
          REGIONS.flatMap((region) => [
            another.listOffers({ regions: [region] }, call()),
            another.listQuotas({ regions: [region] }, call()),
          ]),
        );
      for (const wait of [0, 29_000]) {
        await stage.clock.advance(wait);
        const answers = (await askAll()).flatMap(({ regions }) => regions);
        expect(answers.map(({ complete }) => complete)).toEqual([true, true, true, true]);
      }
      expect(stage.sent('listInstanceTypes')).toBe(1);
      await stage.clock.advance(1_000);
      expect((await askAll()).flatMap(({ regions }) => regions).map(({ error }) => error?.kind)).toEqual(
        Array.from({ length: 4 }, () => 'rate-limited'),
      );
      await another.close();
    });

    it('one who leaves does not take the answer from the others', async () => {
      stage.fault({ kind: 'slow', delayMs: 5_000 });
      const leaving = new AbortController();
      const reason = new Error('changed my mind');
      const left = stage.provider.listOffers({ regions: REGIONS }, leaving);
      const staying = stage.provider.listOffers({ regions: REGIONS }, call());
      await expect.poll(() => stage.clock.nextDueAt(), { interval: 5, timeout: 10_000 }).not.toBeNull();
      leaving.abort(reason);
      await expect(left).rejects.toBe(reason);
      await stage.clock.advance(5_000);
      expect((await staying).offers.length).toBeGreaterThan(0);
      expect(stage.sent('listInstanceTypes')).toBe(1);
    });

    it('knows the Arm machines', async () => {
      const { offers } = await stage.provider.listOffers({ regions: REGIONS }, call());
      const arm = offers.filter(({ architecture }) => architecture === 'arm64');
      expect(new Set(arm.map(({ accelerator }) => accelerator))).toEqual(new Set(['GH200-96GB']));
    });
  });

  describe('the quota on instances', () => {
    it('has no limit that is told, and all instances of the account as usage', async () => {
      await launched({ count: 2 });
      await launched({ idempotencyKey: 'k2', owner: 'somebody-else' });
      const { quotas } = await stage.provider.listQuotas({ regions: REGIONS }, call());
      const quota = { provider: 'lambda', region: null, name: 'instances', unit: 'machines' };
      expect(quotas).toEqual([{ ...quota, limit: null, usage: 3 }]);
    });
  });

  describe('launching', () => {
    it('trap: each launch starts one machine, without a quantity, and names one SSH key', async () => {
      await launched({ count: 3 });
      expect(stage.sent('launchInstance')).toBe(3);
      expect(stage.living().map(({ details }) => details['sshKeyNames'])).toEqual([
        ['gpu-broker'],
        ['gpu-broker'],
        ['gpu-broker'],
      ]);
      expect(stage.living().map(({ name }) => name)).toEqual(
        [0, 1, 2].map((index) => `gpu-broker-01k8attempt-${index}`),
      );
    });

    it('trap: looks for its key before it sends, even when told that it was never sent', async () => {
      await launched();
      const another = await loadProvider('lambda', stage.settings);
      await another.launch(aRequest({ resend: false }), call());
      await another.close();
      expect(stage.sent('launchInstance')).toBe(1);
    });

    it('a throttle in the middle loses nothing: the key sent again starts the rest', async () => {
      stage.clouds.control.setRateLimit('lambda', 'launch', { capacity: 2, refillPerSecond: 1 / 12 });
      const request = aRequest({ count: 3 });
      await expect(stage.provider.launch(request, call())).rejects.toMatchObject({
        ...{ kind: 'rate-limited', code: '1015', retryAfterSeconds: 12 },
      });
      expect(stage.living()).toHaveLength(2);
      await stage.clock.advance(12_000);
      const { instances } = await stage.provider.launch({ ...request, resend: true }, call());
      expect(instances.map(({ ref }) => ref.index)).toEqual([0, 1, 2]);
      expect(stage.living()).toHaveLength(3);
    });

    it('what one machine is refused, the rest is not asked for', async () => {
      stage.clouds.control.setFree(EVERYTHING, 1);
      const { instances, refusals } = await stage.provider.launch(aRequest({ count: 5 }), call());
      expect(instances.map(({ ref }) => ref.index)).toEqual([0]);
      expect(refusals).toMatchObject([{ count: 4, refusal: { kind: 'capacity' } }]);
      expect(stage.sent('launchInstance')).toBe(2);
    });

    it('a key sent again where a machine in the middle has ended accounts for all of them', async () => {
      const refs = await launched({ count: 3 });
      for (const ref of refs.filter(({ index }) => index === 1)) await stage.provider.terminate(ref, call());
      await stage.clock.advance(LONG_MS);
      stage.clouds.control.setFree(EVERYTHING, 0);
      const { instances, refusals } = await stage.provider.launch(aRequest({ count: 3, resend: true }), call());
      expect(instances.map(({ ref }) => ref.index)).toEqual([0, 2]);
      expect(refusals.map(({ count }) => count)).toEqual([1]);
    });

    it('a key whose machine has ended starts anew, since nothing carries it any more (exempt in the suite)', async () => {
      for (const ref of await launched()) await stage.provider.terminate(ref, call());
      await stage.clock.advance(LONG_MS);
      expect(stage.living()).toEqual([]);
      const { instances } = await stage.provider.launch(aRequest({ resend: true }), call());
      expect(instances).toMatchObject([{ state: 'pending' }]);
      expect(stage.living()).toHaveLength(1);
    });

    it('trap: two machines of one key, which Lambda did not show in time, are both listed, and both ended by it', async () => {
      stage.clouds.control.setVisibilityDelayMs('lambda', 10_000);
      const request = aRequest();
      await stage.provider.launch(request, call());
      await stage.provider.launch({ ...request, resend: true }, call());
      await stage.clock.advance(LONG_MS);
      expect(stage.living()).toHaveLength(2);
      const { instances } = await owned();
      expect(new Set(instances.map(({ ref }) => ref.instanceId)).size).toBe(2);
      const { region, zone } = request.pool;
      const ref = { region, zone, idempotencyKey: request.idempotencyKey, index: 0, instanceId: null };
      expect(await stage.provider.terminate(ref, call())).toBe('terminating');
      await stage.clock.advance(LONG_MS);
      expect(await stage.provider.terminate(ref, call())).toBe('gone');
      expect(stage.living()).toEqual([]);
    });

    it.each([
      ['market', { market: 'spot' }, 'pool.market must be on-demand'],
      ['zone', { zone: 'us-east-1a' }, 'pool.zone must be null, not us-east-1a'],
    ] as const)('a %s that Lambda does not have is an invalid request', async (_what, change, message) => {
      const { pool } = aRequest();
      const launching = stage.provider.launch(aRequest({ pool: { ...pool, ...change } }), call());
      await expect(launching).rejects.toMatchObject({
        ...{ kind: 'invalid-request', message: expect.stringContaining(message) },
      });
      expect(stage.living()).toEqual([]);
    });

    it('an image by accelerator, or for every other; by itself Lambda takes its stack', async () => {
      const images = { A10: 'lambda-stack-24-04', '*': 'gpu-base-24-04' };
      const options = { sshKeyName: 'gpu-broker', images };
      const another = await loadProvider('lambda', { ...stage.settings, options });
      await another.launch(aRequest({ idempotencyKey: 'k1' }), call());
      await another.launch(aRequest({ idempotencyKey: 'k2', accelerator: 'L4' }), call());
      await stage.provider.launch(aRequest({ idempotencyKey: 'k3' }), call());
      await another.close();
      expect(stage.living().map(({ details }) => details['image'])).toEqual([
        ...['lambda-stack-24-04', 'gpu-base-24-04', 'lambda-stack-22-04'],
      ]);
    });

    it('an SSH key, image or type that the account does not have is an invalid request', async () => {
      const options = { sshKeyName: 'no-such-key' };
      const another = await loadProvider('lambda', { ...stage.settings, options });
      await expect(another.launch(aRequest(), call())).rejects.toMatchObject({
        ...{ kind: 'invalid-request', code: 'global/object-does-not-exist' },
        message: expect.stringContaining('no-such-key'),
      });
      await another.close();
    });

    it('in a region that is down nothing starts, and the machines there stay listed', async () => {
      await launched();
      stage.clouds.control.setOutage('lambda', 'us-east-1', true);
      await expect(stage.provider.launch(aRequest({ idempotencyKey: 'k2' }), call())).rejects.toMatchObject({
        kind: 'outcome-unknown',
      });
      expect((await owned()).instances).toHaveLength(1);
      const { offers } = await stage.provider.listOffers({ regions: ['us-east-1'] }, call());
      expect(new Set(offers.map(({ availableCount }) => availableCount))).toEqual(new Set([0]));
    });
  });

  describe('machines', () => {
    it('trap: tags whose keys Lambda does not take are read back as they were (exempt in the suite)', async () => {
      const tags = { ['k'.repeat(63)]: 'v'.repeat(63), '9-lives': '1', a: '2', 'gpu-broker-owner': 'eve', plain: '3' };
      const [ref] = await launched({ tags, owner: 'o'.repeat(40) });
      if (ref === undefined) throw new Error('nothing was started');
      expect(await stage.provider.getInstance(ref, call())).toMatchObject({ tags, owner: 'o'.repeat(40) });
      for (const key of Object.keys(stage.living()[0]?.tags ?? {})) expect(key).toMatch(/^[a-z][a-z0-9-:]{1,54}$/);
    });

    it('the JupyterLab secret in Lambda’s answers goes no further', async () => {
      const [ref] = await launched();
      if (ref === undefined) throw new Error('nothing was started');
      const seen = [await stage.provider.getInstance(ref, call()), await owned()];
      expect(inspect(seen, { depth: 12 })).not.toContain('jupyter');
    });

    it('a machine that never gets healthy is pending, so that the broker gives it up', async () => {
      const vendorError = { status: 500, code: 'x', message: 'no boot', asynchronous: true };
      stage.fault({ kind: 'vendor-error', operation: 'launchInstance', vendorError, remaining: 1 });
      const [ref] = await launched();
      if (ref === undefined) throw new Error('nothing was started');
      expect((await stage.provider.getInstance(ref, call()))?.state).toBe('pending');
    });

    it('a machine of the account that no broker made is nobody’s', async () => {
      stage.clouds.world.launch({
        ...{ count: 1, minCount: 1, maxPriceMicroUsdPerHour: null, names: null, tags: {}, details: {} },
        pool: {
          cloud: 'lambda',
          region: 'us-east-1',
          zone: 'us-east-1',
          instanceType: 'gpu_1x_a10',
          market: 'on-demand',
        },
        capacityAnswer: 'sync',
      });
      await stage.clock.advance(LONG_MS);
      expect((await owned()).instances).toEqual([]);
      expect((await stage.provider.listQuotas({ regions: REGIONS }, call())).quotas).toMatchObject([{ usage: 1 }]);
    });

    it('trap: with one request a second a machine still ends, though a look goes before the end', async () => {
      const [ref] = await launched();
      if (ref === undefined) throw new Error('nothing was started');
      stage.clouds.control.setRateLimit('lambda', 'requests', { capacity: 1, refillPerSecond: 1 });
      for (const asked of [{ ...ref, instanceId: null }, ref]) {
        await expect(stage.provider.terminate(asked, call())).rejects.toMatchObject({ kind: 'rate-limited' });
        await stage.clock.advance(1_000);
      }
      expect(await stage.provider.terminate(ref, call())).toBe('terminating');
      await stage.clock.advance(LONG_MS);
      expect(await stage.provider.terminate(ref, call())).toBe('gone');
      expect(stage.living()).toEqual([]);
    });

    it('a look is forgotten after a minute: what has ended since is not ended again', async () => {
      const [ref] = await launched();
      if (ref === undefined) throw new Error('nothing was started');
      stage.clouds.control.setRateLimit('lambda', 'requests', { capacity: 1, refillPerSecond: 1 });
      await expect(stage.provider.terminate(ref, call())).rejects.toMatchObject({ kind: 'rate-limited' });
      const before = stage.sent('terminateInstance');
      for (const { serial } of stage.living()) stage.clouds.control.lose(serial);
      await stage.clock.advance(61_000);
      expect(await stage.provider.terminate(ref, call())).toBe('gone');
      expect(stage.sent('terminateInstance')).toBe(before);
    });

    it('one that ended meanwhile is gone, whether it is asked for by id or ended once more', async () => {
      const [ref] = await launched();
      if (ref === undefined) throw new Error('nothing was started');
      for (const { serial } of stage.living()) stage.clouds.control.lose(serial);
      expect((await stage.provider.getInstance(ref, call()))?.state).toBe('gone');
      expect(await stage.provider.terminate(ref, call())).toBe('gone');
      await stage.clock.advance(2 * 3_600_000);
      expect(await stage.provider.getInstance(ref, call())).toBeNull();
      expect(stage.sent('terminateInstance')).toBe(0);
    });
  });

  describe('access', () => {
    it('with one request a second, waits for the next second', async () => {
      stage.clouds.control.setRateLimit('lambda', 'requests', { capacity: 1, refillPerSecond: 1 });
      const checking = stage.provider.checkAccess(call());
      for (let pause = 0; pause < 3; pause += 1) {
        await expect.poll(() => stage.clock.nextDueAt(), { interval: 5, timeout: 10_000 }).not.toBeNull();
        await stage.clock.advance(1_000);
      }
      expect((await checking).map(({ outcome }) => outcome)).toEqual(['allowed', 'allowed', 'allowed', 'allowed']);
    });

    it('tells an SSH key that the account does not have, and a region that Lambda does not', async () => {
      const another = await loadProvider('lambda', {
        ...stage.settings,
        ...{ regions: ['us-east-1', 'us-esat-1'], options: { sshKeyName: 'no-such-key' } },
      });
      const checks = new Map((await another.checkAccess(call())).map((check) => [check.permission, check]));
      await another.close();
      expect(checks.get('listSSHKeys')).toMatchObject({
        ...{ outcome: 'missing', required: true },
        message: 'the account has no SSH key "no-such-key": add it, or set options.sshKeyName to one of gpu-broker',
      });
      expect(checks.get('listRegions')).toMatchObject({ outcome: 'missing', required: false });
      expect(checks.get('listRegions')?.message).toMatch(/^Lambda has no region us-esat-1; allowed: .*us-east-1/);
      expect(checks.get('listInstances')?.outcome).toBe('allowed');
    });
  });
});
