import { describe, expect, it } from 'vitest';
import { createManualClock } from '../../../src/emulators/world/clocks.ts';
import type { WorldLaunch, WorldPool } from '../../../src/emulators/world/contract.ts';
import { createWorld } from '../../../src/emulators/world/create-world.ts';
import { smallMarket } from './small-market.ts';
import { EVERYWHERE, launched, ON_DEMAND, request, SPOT, START, stage } from './world-stage.ts';

describe('a machine', () => {
  it('is pending for the launch latency, runs, stops for a moment, and is forgotten after an hour', async () => {
    const on = stage();
    const machine = launched(on, { tags: { owner: 'me' } });
    const states: string[] = [];
    async function look(afterMs: number): Promise<void> {
      await on.clock.advance(afterMs);
      states.push(on.world.stateOf(machine));
    }
    await look(1_499);
    await look(1);
    on.world.terminate(machine.serial);
    await look(999);
    await look(1);
    expect(states).toEqual(['pending', 'running', 'stopping', 'terminated']);
    await on.clock.advance(3_599_999);
    expect(on.world.machines('aws').map(({ serial, endedBy }) => [serial, endedBy])).toEqual([[1, 'user']]);
    await on.clock.advance(1);
    expect(on.world.machines('aws')).toEqual([]);
    expect(on.world.machine(machine.serial)).toBeNull();
    expect(on.world.terminate(machine.serial)).toBeNull();
    expect(on.world.stateOf(machine)).toBe('terminated');
  });

  it('keeps what the front stores with it, and takes new tags', () => {
    const on = stage();
    const { serial } = launched(on, { tags: { a: '1', b: '2' }, details: { image: 'ami-1' } });
    on.world.tag(serial, { b: '3', c: '4' });
    expect(on.world.machine(serial)).toMatchObject({ tags: { a: '1', b: '3', c: '4' }, details: { image: 'ami-1' } });
  });

  it('is visible after the delay that its cloud is set to', () => {
    const on = stage();
    const machine = launched(on);
    expect(on.world.visibleAt(machine)).toBe(START);
    on.control.setVisibilityDelayMs('aws', 300);
    expect(on.world.visibleAt(machine)).toBe(START + 300);
  });

  it('has a name of its own in its region on Azure, in its zone on GCP, until it is gone', async () => {
    const on = stage();
    const azure = { pool: { ...ON_DEMAND, cloud: 'azure' }, names: ['vm'] } as const;
    const first = launched(on, azure);
    expect(() => launched(on, { ...azure, pool: { ...azure.pool, zone: 'north-b' } })).toThrow('already called vm');
    launched(on, { ...azure, pool: { ...azure.pool, region: 'south', zone: 'south-a' } });
    on.world.terminate(first.serial);
    await on.clock.advance(1_000);
    launched(on, azure);
    const gcp = { pool: { ...ON_DEMAND, cloud: 'gcp' }, names: ['vm'] } as const;
    launched(on, gcp);
    launched(on, { ...gcp, pool: { ...gcp.pool, zone: 'north-b' } });
    expect(() => launched(on, gcp)).toThrow('already called vm');
  });
});

describe('a launch', () => {
  it('refuses in order: not offered, price, quota, capacity', () => {
    const on = stage();
    const { world, control } = on;
    control.setFree(EVERYWHERE, 0);
    control.setQuotaLimit('aws', 'north', 'spot-cpus', 7);
    control.setSpotPrice(EVERYWHERE, 300_000);
    const wish = request({ pool: SPOT, count: 2, maxPriceMicroUsdPerHour: 299_999 });
    function failureOf(change: Partial<WorldLaunch>): unknown {
      const result = world.launch({ ...wish, ...change });
      return result.accepted ? 'accepted' : result.failure;
    }
    expect(failureOf({ pool: { ...SPOT, instanceType: 'large' } })).toEqual({ kind: 'not-offered' });
    expect(failureOf({})).toEqual({ kind: 'price', spotPriceMicroUsdPerHour: 300_000 });
    const atPrice = { maxPriceMicroUsdPerHour: 300_000 };
    const quota = { kind: 'quota', quota: 'spot-cpus', scope: 'region', limit: 7, usage: 0, wanted: 8 };
    expect(failureOf(atPrice)).toEqual(quota);
    control.setQuotaLimit('aws', null, 'spot-cpus', 8);
    expect(failureOf(atPrice)).toEqual({ kind: 'capacity', pool: SPOT, free: 0 });
    control.setFree(EVERYWHERE, 2);
    expect(failureOf(atPrice)).toBe('accepted');
    expect(failureOf({ ...atPrice, count: 1, minCount: 1 })).toEqual({ ...quota, limit: 8, usage: 8, wanted: 4 });
    expect(world.machines('aws')).toHaveLength(2);
  });

  it('counts account-wide quotas over all regions', () => {
    const on = stage();
    on.control.setQuotaLimit('aws', null, 'gpus', 2);
    launched(on);
    launched(on, { pool: { ...ON_DEMAND, region: 'south', zone: 'south-a' } });
    expect(on.world.launch(request())).toEqual({
      accepted: false,
      failure: { kind: 'quota', quota: 'gpus', scope: 'global', limit: 2, usage: 2, wanted: 1 },
    });
    expect(() => on.control.setQuotaLimit('aws', 'north', 'gpus', 9)).toThrow(RangeError);
    expect(() => on.control.setQuotaLimit('aws', null, 'none', 9)).toThrow(RangeError);
  });

  it('gives what there is down to the fewest asked for', () => {
    const on = stage();
    on.control.setFree(EVERYWHERE, 3);
    const result = on.world.launch(request({ count: 5, minCount: 2 }));
    expect(result.accepted && result.machines).toHaveLength(3);
    expect(on.world.launch(request({ count: 2, minCount: 1 }))).toMatchObject({
      failure: { kind: 'capacity', free: 0 },
    });
  });

  it('where the cloud answers later, makes machines that fail after the launch latency and hold no hardware', async () => {
    const on = stage();
    on.control.setFree(EVERYWHERE, 1);
    const result = on.world.launch(request({ count: 2, capacityAnswer: 'async' }));
    if (!result.accepted) throw new Error('refused');
    expect(result.machines.map((machine) => on.world.stateOf(machine))).toEqual(['pending', 'pending']);
    expect(on.control.freeOf(ON_DEMAND)).toBe(1);
    await on.clock.advance(1_500);
    expect(result.machines.map((machine) => on.world.stateOf(machine))).toEqual(['failed', 'failed']);
    expect(on.world.machine(1)?.failure).toEqual({ kind: 'capacity', pool: ON_DEMAND, free: 1 });
    expect(on.world.quotas('aws', 'north').map(({ usage }) => usage)).toEqual([0, 0]);
    on.world.forget(1);
    expect(on.world.machines('aws').map(({ serial }) => serial)).toEqual([2]);
    expect(on.world.stateOf(result.machines[0] ?? launched(on))).toBe('terminated');
  });

  it('that is bound to fail can be called off', async () => {
    const on = stage();
    on.control.setFree(EVERYWHERE, 0);
    const machine = launched(on, { capacityAnswer: 'async' });
    on.world.terminate(machine.serial);
    await on.clock.advance(10_000);
    expect(on.world.stateOf(machine)).toBe('terminated');
    expect(on.world.machine(machine.serial)?.failure).toBeNull();
  });

  it('throws for what no front may ask', () => {
    const { world } = stage();
    expect(() => world.launch(request({ count: 0 }))).toThrow(RangeError);
    expect(() => world.launch(request({ count: 2, minCount: 3 }))).toThrow(RangeError);
    expect(() => world.launch(request({ names: ['a', 'b'] }))).toThrow(RangeError);
    expect(() => world.launch(request({ count: 2, names: ['a', 'a'] }))).toThrow(RangeError);
  });
});

describe('free machines set by hand', () => {
  it('are taken by launches, come back when those end, and are given back to the model', async () => {
    const on = stage();
    launched(on, { count: 5 });
    expect(on.control.setFree({ ...EVERYWHERE, instanceType: 'small', zone: 'north-a' }, 2)).toBe(2);
    expect(on.control.freeOf(ON_DEMAND)).toBe(2);
    const machine = launched(on);
    expect(on.control.freeOf(ON_DEMAND)).toBe(1);
    on.world.terminate(machine.serial);
    on.world.terminate(1);
    await on.clock.advance(1_000);
    expect(on.control.freeOf(ON_DEMAND)).toBe(2);
    on.control.setFree(EVERYWHERE, null);
    const { control } = createWorld({ seed: 1, clock: createManualClock(START), facts: [smallMarket('aws')] });
    expect(on.control.freeOf(ON_DEMAND)).toBe(control.freeOf(ON_DEMAND) - 4);
    expect(() => on.control.setFree(EVERYWHERE, 1.5)).toThrow(RangeError);
    expect(on.control.setFree({ ...EVERYWHERE, accelerator: 'T4' }, 0)).toBe(6);
    expect(on.control.setFree({ ...EVERYWHERE, accelerator: 'A10G' }, 0)).toBe(0);
  });
});

describe('machines', () => {
  it('take room in their own pool only', () => {
    // Zones of the same names in both regions, as on Azure.
    const facts = smallMarket('azure');
    const zones = [
      { name: '1', physicalId: null },
      { name: '2', physicalId: null },
    ];
    const world = createWorld({
      ...{ seed: 1, clock: createManualClock(START) },
      facts: [{ ...facts, regions: facts.regions.map((region) => ({ ...region, zones })), zonesOffering: {} }],
    });
    world.control.setFree({ ...EVERYWHERE, cloud: 'azure' }, 20);
    const pool = { ...ON_DEMAND, cloud: 'azure', zone: '1' } as const;
    launched(world, { pool, count: 3 });
    const others: readonly WorldPool[] = [
      { ...pool, market: 'spot' },
      { ...pool, zone: '2' },
      { ...pool, instanceType: 'large' },
      { ...pool, region: 'south' },
    ];
    expect(world.control.freeOf(pool)).toBe(17);
    expect(others.map((other) => world.control.freeOf(other))).toEqual([20, 20, 20, 20]);
  });
});

describe('an interruption', () => {
  it.each([
    ['aws', 120_000],
    ['azure', 30_000],
    ['gcp', 30_000],
  ] as const)('on %s comes with %i ms of notice', async (cloud, noticeMs) => {
    const on = stage();
    const machine = launched(on, { pool: { ...SPOT, cloud } });
    await on.clock.advance(5_000);
    on.control.interrupt(machine.serial);
    await on.clock.advance(noticeMs - 1);
    expect(on.world.stateOf(machine)).toBe('running');
    expect(on.world.machine(machine.serial)).toMatchObject({
      noticeAt: START + 5_000,
      stoppingAt: null,
      endedBy: null,
    });
    await on.clock.advance(1);
    expect(on.world.stateOf(machine)).toBe('stopping');
    await on.clock.advance(1_000);
    expect(on.world.stateOf(machine)).toBe('terminated');
    expect(on.world.machine(machine.serial)).toMatchObject({ endedBy: 'interruption' });
  });

  it('is not put off by a second notice', async () => {
    const on = stage();
    const machine = launched(on, { pool: SPOT });
    on.control.interrupt(machine.serial);
    await on.clock.advance(60_000);
    on.control.interrupt(machine.serial);
    await on.clock.advance(60_000);
    expect(on.world.stateOf(machine)).toBe('stopping');
  });

  it('finds no machine that the user has ended in time, and is for spot only', async () => {
    const on = stage();
    const machine = launched(on, { pool: SPOT });
    on.control.interrupt(machine.serial);
    on.world.terminate(machine.serial);
    await on.clock.advance(200_000);
    expect(on.world.machine(machine.serial)).toMatchObject({ endedBy: 'user', stoppingAt: START });
    expect(() => on.control.interrupt(launched(on).serial)).toThrow(RangeError);
    expect(() => on.control.interrupt(99)).toThrow(RangeError);
  });

  it('comes by itself only when the world is told so, sooner where told more', async () => {
    async function survivors(perHour: number): Promise<number> {
      const on = stage(perHour);
      const machines = Array.from({ length: 10 }, () => launched(on, { pool: SPOT }));
      await on.clock.advance(3_600_000);
      return machines.filter((machine) => on.world.stateOf(machine) === 'running').length;
    }
    expect(await survivors(0)).toBe(10);
    expect(await survivors(1)).toBeGreaterThan(await survivors(20));
  });
});

describe('a loss', () => {
  it('comes at once', () => {
    const on = stage();
    const machine = launched(on);
    on.control.lose(machine.serial);
    expect(on.world.stateOf(machine)).toBe('terminated');
    expect(on.world.machine(machine.serial)).toMatchObject({ endedBy: 'loss', terminatedAt: START });
  });
});

describe('stores', () => {
  it('live with the world, one per cloud and name', () => {
    const { world } = stage();
    world.store<number>('aws', 'tokens').set('a', 1);
    expect(world.store<number>('aws', 'tokens').get('a')).toBe(1);
    expect(world.store<number>('gcp', 'tokens').size).toBe(0);
    expect(world.store<number>('aws', 'other').size).toBe(0);
    expect(stage().world.store('aws', 'tokens').size).toBe(0);
  });
});
