import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { ManualClock } from '../../../src/emulators/world/clocks.ts';
import { createManualClock } from '../../../src/emulators/world/clocks.ts';
import type { MachineState, WorldLaunch, WorldMachine, WorldPool } from '../../../src/emulators/world/contract.ts';
import type { CreatedWorld } from '../../../src/emulators/world/create-world.ts';
import { createWorld } from '../../../src/emulators/world/create-world.ts';
import { smallMarket } from './small-market.ts';

const START = Date.UTC(2026, 0, 5);
const PLACES = [
  ['north', 'north-a', 'small'],
  ['north', 'north-b', 'small'],
  ['south', 'south-a', 'small'],
  ['north', 'north-b', 'large'],
  ['north', 'north-a', 'large'],
] as const;
const POOLS: readonly WorldPool[] = (['aws', 'azure'] as const).flatMap((cloud) =>
  PLACES.flatMap(([region, zone, instanceType]) =>
    (['on-demand', 'spot'] as const).map((market) => ({ cloud, region, zone, instanceType, market })),
  ),
);

/** One thing that happens to a world. `pick` chooses among the machines there are. */
type Step =
  | {
      readonly do: 'launch';
      readonly pool: number;
      readonly count: number;
      readonly spare: number;
      readonly async: boolean;
    }
  | { readonly do: 'terminate' | 'forget' | 'interrupt' | 'lose'; readonly pick: number }
  | { readonly do: 'set-free'; readonly pool: number; readonly free: number | null }
  | { readonly do: 'set-quota'; readonly quota: 'cpus' | 'spot-cpus'; readonly limit: number }
  | { readonly do: 'advance'; readonly ms: number };

const pick = fc.nat(30);
const pool = fc.nat(POOLS.length - 1);
const step: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 5,
    arbitrary: fc.record({
      do: fc.constant('launch' as const),
      pool,
      count: fc.integer({ min: 1, max: 6 }),
      spare: fc.nat(5),
      async: fc.boolean(),
    }),
  },
  { weight: 3, arbitrary: fc.record({ do: fc.constantFrom('terminate', 'forget', 'interrupt', 'lose'), pick }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('set-free' as const), pool, free: fc.option(fc.nat(4)) }) },
  {
    weight: 1,
    arbitrary: fc.record({
      do: fc.constant('set-quota' as const),
      quota: fc.constantFrom('cpus' as const, 'spot-cpus' as const),
      limit: fc.nat(500),
    }),
  },
  {
    weight: 4,
    arbitrary: fc.record({
      do: fc.constant('advance' as const),
      ms: fc.oneof(fc.nat(3_000), fc.nat(200_000), fc.nat(8_000_000)),
    }),
  },
);

interface Stage extends CreatedWorld {
  readonly clock: ManualClock;
  /** Everything ever launched. */
  readonly launched: WorldMachine[];
}

function stage(interruptionsPerHour = 0): Stage {
  const clock = createManualClock(START);
  const facts = [smallMarket('aws'), smallMarket('azure')];
  return { ...createWorld({ seed: 5, clock, facts, interruptionsPerHour }), clock, launched: [] };
}

function requestOf(action: Extract<Step, { do: 'launch' }>): WorldLaunch {
  return {
    pool: POOLS[action.pool] ?? fail(),
    count: action.count,
    minCount: Math.max(1, action.count - action.spare),
    maxPriceMicroUsdPerHour: null,
    names: null,
    tags: {},
    details: {},
    capacityAnswer: action.async ? 'async' : 'sync',
  };
}

function fail(): never {
  throw new Error('the test asked for something that is not there');
}

function launch(on: Stage, action: Extract<Step, { do: 'launch' }>): void {
  const request = requestOf(action);
  const free = on.control.freeOf(request.pool);
  const result = on.world.launch(request);
  if (!result.accepted) return;
  expect(result.machines.length).toBeGreaterThanOrEqual(request.minCount);
  expect(result.machines.length).toBeLessThanOrEqual(request.count);
  const real = result.machines.filter((machine) => machine.failedAt === null);
  expect(real.length).toBeLessThanOrEqual(free);
  expect(on.control.freeOf(request.pool)).toBe(free - real.length);
  for (const cloud of ['aws', 'azure'] as const) {
    if (request.pool.cloud !== cloud) continue;
    const type = on.world.instanceType(cloud, request.pool.instanceType) ?? fail();
    const states = [...on.world.quotas(cloud, request.pool.region), ...on.world.quotas(cloud, null)];
    for (const claim of type.quotaClaims[request.pool.market]) {
      const state = states.find(({ fact }) => fact.name === claim.quota) ?? fail();
      expect(state.usage, claim.quota).toBeLessThanOrEqual(state.limit);
    }
  }
  on.launched.push(...result.machines);
}

function touch(on: Stage, action: 'terminate' | 'forget' | 'interrupt' | 'lose', chosen: number): void {
  const machine = on.launched[chosen % Math.max(1, on.launched.length)];
  if (machine === undefined) return;
  const { serial } = machine;
  if (action === 'terminate') {
    const once = on.world.terminate(serial);
    expect(on.world.terminate(serial)).toEqual(once);
  } else if (action === 'forget') on.world.forget(serial);
  else if (on.world.machine(serial) !== null && (action === 'lose' || machine.pool.market === 'spot'))
    on.control[action](serial);
}

async function perform(on: Stage, action: Step): Promise<void> {
  switch (action.do) {
    case 'launch':
      return launch(on, action);
    case 'set-free': {
      const { market, ...place } = POOLS[action.pool] ?? fail();
      on.control.setFree({ ...place, market, accelerator: null }, action.free);
      return;
    }
    case 'set-quota':
      return on.control.setQuotaLimit('aws', null, action.quota, action.limit);
    case 'advance':
      return on.clock.advance(action.ms);
    case 'terminate':
    case 'forget':
    case 'interrupt':
    case 'lose':
      return touch(on, action.do, action.pick);
  }
}

const AFTER: Readonly<Record<MachineState, readonly MachineState[]>> = {
  pending: ['pending', 'running', 'stopping', 'terminated', 'failed'],
  running: ['running', 'stopping', 'terminated'],
  stopping: ['stopping', 'terminated'],
  terminated: ['terminated'],
  failed: ['failed'],
};

function unitsInUse(on: Stage, quota: string, region: string | null): number {
  const { world } = on;
  return world
    .machines('aws')
    .filter((machine) => ['pending', 'running', 'stopping'].includes(world.stateOf(machine)))
    .filter((machine) => region === null || machine.pool.region === region)
    .flatMap(
      ({ pool: { cloud, instanceType, market } }) => world.instanceType(cloud, instanceType)?.quotaClaims[market] ?? [],
    )
    .filter((claim) => claim.quota === quota)
    .reduce((sum, claim) => sum + claim.units, 0);
}

function checkInvariants(on: Stage, seen: Map<number, MachineState>): void {
  const { world, control } = on;
  for (const one of POOLS) expect(control.freeOf(one)).toBeGreaterThanOrEqual(0);
  for (const region of ['north', 'south', null]) {
    for (const { fact, usage } of world.quotas('aws', region)) {
      expect(usage, `${fact.name} in ${region}`).toBe(unitsInUse(on, fact.name, region));
    }
  }
  for (const machine of on.launched) {
    const state = world.stateOf(machine);
    if (world.machine(machine.serial) === null) {
      // Dropped or forgotten, which only an ended machine can be.
      expect(state).toBe('terminated');
      continue;
    }
    expect(AFTER[seen.get(machine.serial) ?? 'pending'], `machine ${machine.serial} became ${state}`).toContain(state);
    seen.set(machine.serial, state);
  }
}

/** All there is to know about the machines at the end. */
function outcome(on: Stage): unknown {
  return on.launched.map((machine) => [on.world.stateOf(machine), on.world.machine(machine.serial)]);
}

async function play(on: Stage, script: readonly Step[], look: (on: Stage) => void): Promise<unknown> {
  for (const action of script) {
    await perform(on, action);
    look(on);
  }
  return outcome(on);
}

const script = fc.array(step, { minLength: 1, maxLength: 25 });

describe('the world, whatever happens in it', () => {
  it('keeps capacity, quotas and states in order', async () => {
    await fc.assert(
      fc.asyncProperty(script, fc.constantFrom(0, 3), async (steps, interruptionsPerHour) => {
        const seen = new Map<number, MachineState>();
        await play(stage(interruptionsPerHour), steps, (on) => checkInvariants(on, seen));
      }),
      { numRuns: 150 },
    );
  });

  it('same seed and same script give the same world, whether or not anybody looks', async () => {
    await fc.assert(
      fc.asyncProperty(script, async (steps) => {
        const seen = new Map<number, MachineState>();
        const watched = await play(stage(3), steps, (on) => checkInvariants(on, seen));
        expect(await play(stage(3), steps, () => undefined)).toEqual(watched);
      }),
      { numRuns: 60 },
    );
  });
});
