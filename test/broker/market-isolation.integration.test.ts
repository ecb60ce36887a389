import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { FaultKind } from '../../src/emulators/world/control-contract.ts';
import type { CloudId } from '../../src/emulators/world/market-facts.ts';
import { regionStates } from '../../src/store/providers.ts';
import { type BrokerRig, startBrokerRig } from '../support/broker-rig.ts';

const REGIONS = {
  aws: ['us-east-1', 'us-east-2', 'us-west-2'],
  azure: ['eastus', 'eastus2'],
} as const;
const HOURS = 3_600_000;

let rig: BrokerRig;

beforeAll(async () => {
  rig = await startBrokerRig({
    clouds: ['aws', 'azure'],
    regions: REGIONS,
    settings: { offersSeconds: 60, quotasSeconds: 600 },
  });
  await rig.until('every region is read', async () => (await read('offers')).length === 5, 200);
});
afterAll(() => rig?.close());

/** `provider:region` of those whose copy is not older than `since`. */
async function read(kind: 'offers' | 'quotas', since = 0): Promise<string[]> {
  return (await regionStates(rig.store.database, kind))
    .filter(({ observedAt }) => observedAt !== null && observedAt >= since)
    .map(({ provider, region }) => `${provider}:${region}`);
}

async function withFault(
  fault: { readonly cloud: CloudId; readonly region: string | null; readonly kind: FaultKind },
  work: () => Promise<void>,
): Promise<void> {
  const rest = { operation: null, delayMs: 24 * HOURS, remaining: null, probability: 1 };
  rig.clouds.control.addFault({ id: 'hang', ...fault, ...rest });
  try {
    await work();
  } finally {
    rig.clouds.control.removeFault('hang');
  }
}

describe('reading the market', () => {
  it('reads every region by itself, quotas on their own schedule', async () => {
    const requests = () => rig.clouds.requests().filter(({ operation }) => operation === 'usage.list').length;
    await rig.until('quotas are read', async () => (await read('quotas')).length === 5, 60);
    const [before, at] = [requests(), rig.clock.now()];
    await rig.until('offers are read again', async () => (await read('offers', at)).length === 5, 90);
    expect(requests(), 'quotas are not due yet').toBe(before);
  });

  it('goes on everywhere else while one region hangs, which keeps its copy and its age', async () => {
    await withFault({ cloud: 'aws', region: 'us-east-2', kind: 'slow' }, async () => {
      const at = rig.clock.now();
      await rig.until('all others are read', async () => (await read('offers', at)).length === 4, 75);
      await rig.until('it has failed', async () => (await rig.service.getProvider('aws')).health === 'degraded', 150);
      expect(await read('offers', at)).not.toContain('aws:us-east-2');
      expect((await read('offers', at + 100_000)).length, 'the others were read again meanwhile').toBe(4);
      const [offer] = (await rig.service.listOffers(ofRegion('us-east-2'), { cursor: null, limit: 1 })).items;
      expect(offer?.ageSeconds).toBeGreaterThan(120);
      const provider = await rig.service.getProvider('aws');
      expect(provider.healthReason).toMatch(/us-east-2 \(last read \d min ago; .*no complete answer within 120 s/);
      const state = provider.regions.find(({ region }) => region === 'us-east-2');
      expect(state?.failureCount).toBe(1);
      expect(state?.observedAt).toBeLessThan(at);
    });
    await rig.until('it is read again', async () => (await rig.service.getProvider('aws')).health === 'ok', 200);
  });

  it('goes on at every other provider while one hangs', async () => {
    await withFault({ cloud: 'azure', region: null, kind: 'slow' }, async () => {
      const at = rig.clock.now();
      await rig.until('all others are read', async () => (await read('offers', at)).length === 3, 75);
      await rig.until('they are read again', async () => (await read('offers', at + 60_000)).length === 3, 75);
      expect((await read('offers', at)).filter((name) => name.startsWith('azure'))).toEqual([]);
    });
    await rig.until('it is read again', async () => (await read('offers', rig.clock.now() - 30_000)).length > 3, 400);
  });

  it('pauses longer after each failure of a region that is down', async () => {
    rig.clouds.control.setOutage('aws', 'us-west-2', true);
    const pauses = new Map<number, number>();
    await rig.until(
      'three failures',
      async () => {
        const state = (await regionStates(rig.store.database)).find(({ region }) => region === 'us-west-2');
        if (state?.retryAt != null && state.attemptedAt !== null) {
          pauses.set(state.failureCount, (state.retryAt - state.attemptedAt) / 1000);
        }
        return (state?.failureCount ?? 0) >= 3;
      },
      400,
    );
    expect(pauses.get(3)).toBeGreaterThan(2 * (pauses.get(1) ?? Number.POSITIVE_INFINITY));
  });
});

function ofRegion(region: string) {
  return { provider: null, region, accelerator: null, market: null };
}
