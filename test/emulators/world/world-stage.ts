import type { ManualClock } from '../../../src/emulators/world/clocks.ts';
import { createManualClock } from '../../../src/emulators/world/clocks.ts';
import type { WorldLaunch, WorldMachine, WorldPool } from '../../../src/emulators/world/contract.ts';
import type { CreatedWorld } from '../../../src/emulators/world/create-world.ts';
import { createWorld } from '../../../src/emulators/world/create-world.ts';
import { smallMarket } from './small-market.ts';

export const START = Date.UTC(2026, 0, 5);
export const SPOT = { cloud: 'aws', region: 'north', zone: 'north-a', instanceType: 'small', market: 'spot' } as const;
export const ON_DEMAND: WorldPool = { ...SPOT, market: 'on-demand' };
export const EVERYWHERE = {
  cloud: 'aws',
  region: null,
  zone: null,
  instanceType: null,
  accelerator: null,
  market: null,
} as const;

export function stage(interruptionsPerHour = 0): CreatedWorld & { readonly clock: ManualClock } {
  const clock = createManualClock(START);
  const facts = [smallMarket('aws'), smallMarket('azure'), smallMarket('gcp')];
  const created = createWorld({ seed: 1, clock, facts, interruptionsPerHour });
  for (const cloud of ['aws', 'azure', 'gcp'] as const) created.control.setFree({ ...EVERYWHERE, cloud }, 20);
  return { ...created, clock };
}

export function request(change: Partial<WorldLaunch> = {}): WorldLaunch {
  const plain = { maxPriceMicroUsdPerHour: null, names: null, tags: {}, details: {}, capacityAnswer: 'sync' } as const;
  return { pool: ON_DEMAND, count: 1, minCount: change.count ?? 1, ...plain, ...change };
}

export function launched({ world }: CreatedWorld, change: Partial<WorldLaunch> = {}): WorldMachine {
  const result = world.launch(request(change));
  const [machine] = result.accepted ? result.machines : [];
  if (machine === undefined) throw new Error(`refused: ${JSON.stringify(result)}`);
  return machine;
}
