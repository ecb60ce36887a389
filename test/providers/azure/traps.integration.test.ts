import { createServer } from 'node:https';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { createLoopbackCertificate } from '../../../src/emulators/http/certificates.ts';
import { listenOnLoopback } from '../../../src/emulators/http/listening.ts';
import type { Fault } from '../../../src/emulators/world/control-contract.ts';
import type { Provider } from '../../../src/providers/provider.ts';
import type { EmulatedAzure } from './emulated-azure.ts';
import {
  anyCall,
  errorOf,
  LATENCY_MS,
  launchRequest,
  STOPPING_MS,
  setFree,
  startEmulatedAzure,
  T4_POOL,
} from './emulated-azure.ts';

const CREATE = 'virtualMachines.createOrUpdate';
const DELETE = 'virtualMachines.delete';
const REGION = T4_POOL.region;
const REF = { region: REGION, zone: '1', idempotencyKey: '01attempt', index: 0, instanceId: null };

let azure: EmulatedAzure;
let provider: Provider;
let faults = 0;

beforeEach(async () => {
  azure = await startEmulatedAzure();
  provider = await azure.adapter();
  setFree(azure, 20);
});

afterEach(async () => {
  await azure.close();
});

function addFault(fault: Partial<Fault> & Pick<Fault, 'kind' | 'operation'>): void {
  faults += 1;
  const defaults = {
    id: `trap-${faults}`,
    cloud: 'azure' as const,
    region: null,
    delayMs: 0,
    remaining: 1,
    probability: 1,
  };
  azure.clouds.control.addFault({ ...defaults, ...fault });
}

function vendorError(operation: string, status: number, code: string): void {
  const vendorError = { status, code, message: `${code}.`, asynchronous: false };
  addFault({ kind: 'vendor-error', operation, vendorError });
}

describe('requests are sent once', () => {
  it.each(['internal-error', 'unavailable', 'throttle'] as const)(
    'trap: the SDK would repeat what "%s" answers; it is told not to, for every kind of request',
    async (kind) => {
      for (const operation of [CREATE, DELETE, 'usage.list', 'disks.delete', 'resourceGraph.resources'])
        addFault({ kind, operation, remaining: 5 });
      await errorOf(provider.launch(launchRequest(), anyCall()));
      await errorOf(provider.launch(launchRequest({ idempotencyKey: '02', resend: true }), anyCall()));
      await errorOf(provider.terminate(REF, anyCall()));
      await provider.listQuotas({ regions: [REGION] }, anyCall());
      const id = `/subscriptions/${'0'.repeat(8)}-0000-4000-8000-${'0'.repeat(12)}/resourceGroups/g/providers/Microsoft.Compute/disks/d`;
      const leftover = {
        kind: 'disk' as const,
        region: REGION,
        zone: null,
        id,
        owner: 'o',
        idempotencyKey: null,
        createdAt: null,
      };
      await errorOf(provider.removeLeftover(leftover, anyCall()));
      const sent = [CREATE, DELETE, 'usage.list', 'disks.delete', 'resourceGraph.resources'].map(
        (operation) => azure.requests(operation).length,
      );
      expect(sent).toEqual([1, 1, 1, 1, 1]);
    },
  );

  it('trap: an answer that breaks off in its body may have come after the deed', async () => {
    addFault({ kind: 'reset', operation: CREATE });
    expect((await errorOf(provider.launch(launchRequest(), anyCall()))).kind).toBe('outcome-unknown');
    expect(azure.requests(CREATE)).toHaveLength(1);
    expect(azure.clouds.world.machines('azure')).toHaveLength(1);
  });
});

describe('the connection', () => {
  it('trap: the SDK sends its token over TLS only, and TLS needs our authority besides the system’s', async () => {
    const { regions } = await provider.listQuotas({ regions: [REGION] }, anyCall());
    expect(regions[0]?.complete).toBe(true);
    const before = azure.clouds.requests().length;
    const stranger = await azure.adapter({ certificateAuthority: null });
    const refused = await stranger.listQuotas({ regions: [REGION] }, anyCall());
    expect(refused.regions[0]).toMatchObject({ complete: false, error: { kind: 'unavailable' } });
    const plain = azure.clouds.endpoints.azure['retail-prices'] ?? '';
    const bare = await azure.adapter({ endpoints: { 'resource-manager': plain } });
    const overHttp = await bare.listQuotas({ regions: [REGION] }, anyCall());
    expect(overHttp.regions[0]?.complete).toBe(false);
    expect(azure.clouds.requests()).toHaveLength(before);
  });

  it('trap: a list’s next page at another host does not get our token', async () => {
    const seen: string[] = [];
    const certificate = await createLoopbackCertificate();
    const server = createServer({ cert: certificate.certificate, key: certificate.privateKey }, (request, response) => {
      seen.push(`${request.headers.host} ${request.url}`);
      response.setHeader('content-type', 'application/json');
      response.end(JSON.stringify({ value: [], nextLink: `https://localhost:${port}/stolen?api-version=2021-04-01` }));
    });
    const port = await listenOnLoopback(server, 0);
    const endpoints = { 'resource-manager': `https://127.0.0.1:${port}` };
    const { certificateAuthority } = certificate;
    const adapter = await azure.adapter({ endpoints, certificateAuthority });
    const { regions } = await adapter.listLeftovers({ owner: 'broker-a', regions: [REGION] }, anyCall());
    expect(regions[0]?.error?.message).toContain('leads away');
    expect(seen.filter((line) => line.includes('stolen'))).toEqual([]);
    server.closeAllConnections();
    server.close();
  });
});

describe('names', () => {
  it('trap: a PUT under a taken name would change the machine that has it', async () => {
    await provider.launch(launchRequest(), anyCall());
    const [before] = azure.clouds.world.machines('azure');
    const error = await errorOf(provider.launch(launchRequest({ tags: { team: 'other' } }), anyCall()));
    expect(error.kind).toBe('conflict');
    expect(azure.clouds.world.machines('azure').map(({ tags }) => tags)).toEqual([before?.tags]);
  });

  it('trap: a failed machine stays with all its parts until it is deleted by name', async () => {
    setFree(azure, 0);
    await provider.launch(launchRequest(), anyCall());
    await azure.clock.advance(LATENCY_MS);
    const { world } = azure.clouds;
    expect(world.parts('azure').map(({ name }) => name)).toEqual(['b-01attempt-0-os', 'b-01attempt-0-nic']);
    expect(await provider.terminate(REF, anyCall())).toBe('terminating');
    expect(await provider.terminate(REF, anyCall())).toBe('gone');
    expect(world.parts('azure')).toEqual([]);
  });

  it('trap: parts without a machine, as an interrupted launch leaves them, are deleted by the machine’s name', async () => {
    azure.clouds.control.setStrandsParts('azure', true);
    await provider.launch(launchRequest(), anyCall());
    const [machine] = azure.clouds.world.machines('azure');
    azure.clouds.control.lose(machine?.serial ?? 0);
    expect(azure.clouds.world.parts('azure')).toHaveLength(2);
    expect(await provider.terminate(REF, anyCall())).toBe('terminating');
    expect(await provider.terminate(REF, anyCall())).toBe('gone');
    expect(azure.clouds.world.parts('azure')).toEqual([]);
  });

  it('trap: quota names come with blanks and cases of their own, and are one name', async () => {
    const { quotas } = await provider.listQuotas({ regions: ['eastus'] }, anyCall());
    const { offers } = await provider.listOffers({ regions: ['eastus'] }, anyCall());
    const names = new Set(quotas.map(({ name }) => name));
    const claimed = offers.flatMap(({ quotaClaims }) => quotaClaims.map(({ quota }) => quota));
    expect([...names].filter((name) => name !== name.trim())).toEqual([]);
    expect(claimed.filter((name) => !names.has(name))).toEqual([]);
  });
});

describe('deleting', () => {
  it('trap: a machine that vanishes while it is deleted is gone, not an error', async () => {
    vendorError(DELETE, 404, 'ResourceNotFound');
    expect(await provider.terminate(REF, anyCall())).toBe('gone');
  });

  it.each([DELETE, 'networkInterfaces.delete'])(
    'trap: NicReservedForAnotherVm of %s is to be repeated in three minutes',
    async (operation) => {
      vendorError(operation, 400, 'NicReservedForAnotherVm');
      expect(await errorOf(provider.terminate(REF, anyCall()))).toMatchObject({
        kind: 'unavailable',
        code: 'NicReservedForAnotherVm',
        retryAfterSeconds: 180,
      });
      expect(await provider.terminate(REF, anyCall())).toBe('gone');
    },
  );

  it('trap: while another operation holds the machine, deleting it is to be repeated, not given up', async () => {
    vendorError(DELETE, 409, 'ConflictingServerOperation');
    expect((await errorOf(provider.terminate(REF, anyCall()))).kind).toBe('unavailable');
  });
});

describe('lists', () => {
  it.each(['virtualMachines.listByLocation', 'resourceSkus.list', 'usage.list', 'RetailPrices'])(
    'trap: a second page of %s that fails fails its region: what was read is no list',
    async (operation) => {
      azure.clouds.control.setQuotaLimit('azure', REGION, 'Standard NCASv3_T4 Family', 10_000);
      setFree(azure, 200);
      await provider.launch(launchRequest({ count: 51 }), anyCall());
      addFault({ kind: 'throttle', operation, skip: 1 });
      const query = { owner: 'broker-a', regions: [REGION] };
      const { regions } =
        operation === 'usage.list'
          ? await provider.listQuotas(query, anyCall())
          : await (operation.startsWith('virtual')
              ? provider.listOwned(query, anyCall())
              : provider.listOffers(query, anyCall()));
      expect(regions).toHaveLength(1);
      expect(regions[0]).toMatchObject({ complete: false, error: { kind: 'rate-limited' } });
    },
  );

  it('trap: the Retail Prices API says in a header of its own when to come back', async () => {
    addFault({ kind: 'throttle', operation: 'RetailPrices' });
    const { regions } = await provider.listOffers({ regions: ['eastus'] }, anyCall());
    expect(regions[0]?.error).toMatchObject({ kind: 'rate-limited', retryAfterSeconds: 60 });
  });

  it.each(['listOffers', 'listQuotas', 'listOwned', 'listLeftovers'] as const)(
    'trap: %s answers for the regions that work while one is slow: the call’s deadline is another call’s matter',
    async (listing) => {
      addFault({ kind: 'slow', operation: '*', region: 'eastus', delayMs: 3_600_000, remaining: null });
      const query = { owner: 'broker-a', regions: ['eastus'] };
      const deadline = new AbortController();
      const hanging = provider[listing](query, { signal: deadline.signal }).catch((error: unknown) => error);
      const { regions } = await provider[listing]({ ...query, regions: ['westeurope', REGION] }, anyCall());
      expect(regions.map(({ complete }) => complete)).toEqual([true, true]);
      deadline.abort(new Error('deadline'));
      expect(await hanging).toMatchObject({ message: 'deadline' });
    },
  );

  it('a region that is down fails alone', async () => {
    azure.clouds.control.setOutage('azure', 'eastus', true);
    await provider.launch(launchRequest(), anyCall());
    const query = { owner: 'broker-a', regions: ['eastus', REGION] };
    for (const listing of ['listOffers', 'listQuotas', 'listOwned', 'listLeftovers'] as const) {
      const { regions } = await provider[listing](query, anyCall());
      expect(regions.map(({ region, complete, error }) => [listing, region, complete, error?.kind])).toEqual([
        [listing, 'eastus', false, 'unavailable'],
        [listing, REGION, true, undefined],
      ]);
    }
  });
});

describe('a key that may have been sent before', () => {
  it('trap: ARM gives a name free with its machine, so the history is asked before anything starts', async () => {
    await provider.launch(launchRequest(), anyCall());
    await azure.clock.advance(LATENCY_MS);
    await provider.terminate(REF, anyCall());
    await azure.clock.advance(STOPPING_MS);
    const again = await provider.launch(launchRequest({ resend: true }), anyCall());
    expect(again.instances.map(({ state }) => state)).toEqual(['gone']);
    expect(azure.requests(CREATE)).toHaveLength(1);
  });

  it('adopts what lives, answers what ended, and starts only what never was', async () => {
    const request = launchRequest({ count: 3 });
    addFault({ kind: 'lost-request', operation: CREATE, skip: 2 });
    expect((await errorOf(provider.launch(request, anyCall()))).kind).toBe('outcome-unknown');
    const [first] = azure.clouds.world.machines('azure');
    azure.clouds.control.lose(first?.serial ?? 0);
    const { instances, refusals } = await provider.launch({ ...request, resend: true }, anyCall());
    expect(refusals).toEqual([]);
    expect(instances.map(({ state }) => state).toSorted()).toEqual(['gone', 'pending', 'pending']);
    expect(instances.map(({ ref }) => ref.index).toSorted()).toEqual([0, 1, 2]);
    const living = azure.clouds.world.machines('azure').filter((one) => azure.clouds.world.stateOf(one) === 'pending');
    expect(living).toHaveLength(2);
  });

  it('keeps a machine that lives when another of its launch is refused now', async () => {
    const request = launchRequest({ count: 2 });
    addFault({ kind: 'lost-request', operation: CREATE, skip: 1 });
    await errorOf(provider.launch(request, anyCall()));
    azure.clouds.control.setQuotaLimit('azure', REGION, 'Standard NCASv3_T4 Family', 16);
    const { instances, refusals } = await provider.launch({ ...request, resend: true }, anyCall());
    expect(instances).toHaveLength(1);
    expect(refusals.map(({ count, refusal }) => [count, refusal.kind])).toEqual([[1, 'quota']]);
  });

  it('starts nothing while the history cannot be read', async () => {
    addFault({ kind: 'throttle', operation: 'resourceGraph.resources' });
    const error = await errorOf(provider.launch(launchRequest({ resend: true }), anyCall()));
    expect(error.kind).toBe('rate-limited');
    expect(azure.requests(CREATE)).toEqual([]);
  });
});
