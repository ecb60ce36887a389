import { describe, expect, it } from 'vitest';
import { permissivePolicy, startBrokerRig } from '../../support/broker-rig.ts';
import { aWorkload } from '../../support/samples.ts';

const A10 = { accelerator: 'A10', count: 1, perMachine: null, throughput: 1 };

describe('a broker with Lambda', () => {
  it('places a workload where Lambda has capacity, runs it, and ends it', async () => {
    const policy = permissivePolicy({ allowedProviders: ['lambda'], allowedRegions: ['lambda:us-*'] });
    const rig = await startBrokerRig({ clouds: ['lambda'], policy });
    try {
      const everywhere = { cloud: 'lambda', region: null, zone: null, accelerator: null, market: null } as const;
      rig.clouds.control.setLaunchLatencyMs('lambda', 100);
      rig.clouds.control.setFree({ ...everywhere, region: 'us-east-1', instanceType: 'gpu_1x_a10' }, 0);
      await rig.service.applyWorkload(aWorkload({ name: 'web', replicas: 2, accelerators: [A10] }));
      const { leases } = await rig.untilReady('web', 60);
      expect(leases.map(({ pool }) => [pool.provider, pool.region, pool.zone, pool.instanceType])).toEqual([
        ['lambda', 'us-west-1', null, 'gpu_1x_a10'],
        ['lambda', 'us-west-1', null, 'gpu_1x_a10'],
      ]);
      expect(rig.machines('lambda')).toHaveLength(2);
      await rig.service.deleteWorkload('web');
      await rig.until('nothing runs', async () => rig.machines('lambda').length === 0, 60);
    } finally {
      await rig.close();
    }
  });
});
