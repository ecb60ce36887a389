import { createServer, type RequestListener, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import pino from 'pino';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { createApi } from '../../src/api/create-api.ts';
import type { WorldMachine } from '../../src/emulators/world/contract.ts';
import type { CloudId } from '../../src/emulators/world/market-facts.ts';
import { type BrokerRig, startBrokerRig } from '../support/broker-rig.ts';
import { aWorkload } from '../support/samples.ts';

const CLOUDS = ['aws', 'azure', 'gcp'] as const;
const T4 = { accelerator: 'T4', count: 1, perMachine: null, throughput: 1 };
const CONTAINER = { image: 'example/train:1', command: [], env: {} };
const FIRST = { cursor: null, limit: 100 };

let rig: BrokerRig;
let server: Server;
/** The API needs the broker, and the broker the API's address. */
let api: RequestListener | null = null;

beforeAll(async () => {
  server = createServer((request, response) => api?.(request, response));
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/`;
  rig = await startBrokerRig({
    clouds: CLOUDS,
    regions: { aws: ['us-east-1'], azure: ['eastus'], gcp: ['us-central1'] },
    settings: { sweepSeconds: 30 },
    callbackUrl: url,
    machineAgent: true,
  });
  const { service } = rig;
  const allowedHosts = ['127.0.0.1'];
  api = createApi({ service, logger: pino({ level: 'silent' }), clock: rig.clock, version: 'test', allowedHosts });
}, 300_000);

afterAll(async () => {
  await rig?.close();
  server.close();
});

afterEach(async () => {
  for (const { id } of (await rig.service.listWorkloads(FIRST)).items) await rig.service.deleteWorkload(id);
  await rig.until('nothing is left', async () => rig.machines().length === 0, 300);
  await rig.store.database.deleteFrom('sold_outs').execute();
});

async function runs(cloud: CloudId, market: 'spot' | 'on-demand'): Promise<WorldMachine> {
  const name = `on-${cloud}-${market}`;
  await rig.service.applyWorkload(
    aWorkload({ name, providers: [cloud], markets: [market], accelerators: [T4], container: CONTAINER }),
  );
  await rig.untilReady(name, 300);
  const [machine] = rig.machines(cloud);
  if (machine === undefined) throw new Error('nothing runs');
  return machine;
}

describe('through the real adapters', () => {
  it.each(CLOUDS)(
    'the notice of a spot machine of %s is heard within one poll, and its place is filled',
    async (cloud) => {
      const machine = await runs(cloud, 'spot');
      const interruptedAt = rig.clock.now();
      rig.clouds.control.interrupt(machine.serial);
      const heard = async () =>
        (await rig.service.listEvents({ workloadId: null }, { cursor: null, limit: 500 })).items.filter(
          ({ type, at }) => at >= interruptedAt && /^interruption\.(notice|taken)$/.test(type),
        );
      await rig.until('the notice is heard', async () => (await heard()).length > 0, 40);
      const [notice] = await heard();
      const told = interruptedAt + (cloud === 'gcp' ? 30_000 : 0);
      expect((notice?.at ?? 0) - told).toBeLessThanOrEqual(rig.context.settings.interruptionsSeconds * 1000 + 2_000);
      await rig.until(
        'another runs in its place',
        async () => {
          const { readyReplicaCount, leases } = await rig.service.getWorkload(`on-${cloud}-spot`);
          return readyReplicaCount === 1 && leases.every(({ state }) => state === 'ready');
        },
        300,
      );
      expect(rig.machines(cloud).map(({ serial }) => serial)).not.toContain(machine.serial);
    },
  );

  it.each(CLOUDS)('what a lost machine of %s leaves behind is swept up', async (cloud) => {
    const { control, world } = rig.clouds;
    const machine = await runs(cloud, 'on-demand');
    const own = () => world.parts(cloud).filter((part) => part.machine === machine.serial);
    expect(own().length).toBeGreaterThan(0);
    control.setStrandsParts(cloud, true);
    control.lose(machine.serial);
    expect(own().length).toBeGreaterThan(0);
    await rig.until('its loss is noticed', async () => (await rig.events('lease.lost')).length > 0, 120);
    control.setStrandsParts(cloud, false);
    await rig.until('nothing of it is left', async () => own().length === 0, 300);
    await rig.untilReady(`on-${cloud}-on-demand`, 300);
    expect(rig.machines(cloud)).toHaveLength(1);
  });
});
