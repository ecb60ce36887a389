import { describe, expect, it } from 'vitest';
import { globMatches } from '../../src/domain/workload.ts';
import { createFronts as arm } from '../../src/emulators/arm/index.ts';
import { createFronts as ec2 } from '../../src/emulators/ec2/index.ts';
import { createFronts as gce } from '../../src/emulators/gce/index.ts';
import type { Front, FrontRequest } from '../../src/emulators/http/front.ts';
import { createFronts as lambda } from '../../src/emulators/lambda/index.ts';
import { createManualClock } from '../../src/emulators/world/clocks.ts';
import { createWorld } from '../../src/emulators/world/create-world.ts';
import { DOCUMENTED_LIMITS } from '../../src/emulators/world/documented-limits.ts';
import { loadMarket } from '../../src/emulators/world/load-market.ts';
import { CLOUD_IDS } from '../../src/emulators/world/market-facts.ts';

const MACHINE =
  '/subscriptions/00000000-0000-4000-8000-000000000000/resourceGroups/g/providers/Microsoft.Compute/virtualMachines/m';
const ZONE = '/compute/v1/projects/p/zones/us-central1-a/instances';

function request(method: string, path: string, body = ''): FrontRequest {
  return { method, url: new URL(`http://emulated.invalid${path}`), headers: {}, body: Buffer.from(body) };
}

/** What clients send, by the service that gets it. */
const REQUESTS: Readonly<Record<string, readonly FrontRequest[]>> = {
  ec2: ['DescribeInstances', 'RunInstances', 'TerminateInstances'].map((action) =>
    request('POST', '/', `Action=${action}`),
  ),
  'resource-manager': ['GET', 'PUT', 'DELETE'].map((method) => request(method, `${MACHINE}?api-version=2026-04-01`)),
  compute: [request('GET', `${ZONE}/m`), request('POST', ZONE)],
  api: [request('GET', '/api/v1/instances'), request('POST', '/api/v1/instance-operations/launch')],
};

describe('the documented rate limits', () => {
  it('each name a bucket that a front draws from', async () => {
    const facts = await Promise.all(CLOUD_IDS.map((cloud) => loadMarket(cloud)));
    const { world } = createWorld({ seed: 1, clock: createManualClock(Date.UTC(2026, 0, 5)), facts });
    const fronts: readonly Front[] = [ec2, arm, gce, lambda].flatMap((create) => create(world));
    const drawn = fronts.flatMap(({ cloud, service, label }) =>
      (REQUESTS[service] ?? []).map((asked) => {
        const { bucket, operation } = label(asked);
        return { cloud, bucket: bucket ?? operation };
      }),
    );
    expect(drawn).toHaveLength(Object.values(REQUESTS).flat().length);
    const idle = DOCUMENTED_LIMITS.filter(
      (rule) => !drawn.some(({ cloud, bucket }) => cloud === rule.cloud && globMatches(rule.bucket, bucket)),
    );
    expect(idle).toEqual([]);
  });
});
