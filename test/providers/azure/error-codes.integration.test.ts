import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { scopeKey } from '../../../src/domain/sold-out.ts';
import { ERROR_CODES } from '../../../src/providers/azure/error-codes.ts';
import type { Provider } from '../../../src/providers/provider.ts';
import { ProviderError } from '../../../src/providers/provider.ts';
import type { EmulatedAzure } from './emulated-azure.ts';
import { anyCall, LATENCY_MS, launchRequest, setFree, startEmulatedAzure } from './emulated-azure.ts';
import { ERRORS, LATER, POOL, REFUSALS, RESERVED } from './error-cases.ts';

let azure: EmulatedAzure;
let provider: Provider;
let attempts = 0;

beforeAll(async () => {
  azure = await startEmulatedAzure();
  provider = await azure.adapter();
  setFree(azure, 500, POOL.instanceType);
  const { region, instanceType } = RESERVED;
  azure.clouds.control.addReservation({
    ...{ id: 'held', cloud: 'azure', region, zone: '2', instanceType, count: 5, kind: 'open' },
    ...{ startAt: azure.clock.now(), endAt: null, tags: {}, details: {} },
  });
});

afterAll(async () => {
  await azure.close();
});

/** The next launch meets the error; the key is another one each time. */
function prepare(status: number, code: string, message: string, asynchronous: boolean) {
  attempts += 1;
  azure.clouds.control.addFault({
    id: `error-${attempts}`,
    cloud: 'azure',
    operation: 'virtualMachines.createOrUpdate',
    region: null,
    kind: 'vendor-error',
    delayMs: 0,
    remaining: 1,
    probability: 1,
    vendorError: { status, code, message, asynchronous },
  });
  return `attempt${attempts}`;
}

async function errorOf(work: Promise<unknown>): Promise<unknown> {
  return work.then(
    () => null,
    (thrown: unknown) => thrown,
  );
}

describe('each refusal of the table, sent by ARM to the real SDK', () => {
  it.each(REFUSALS.filter(([, code]) => !LATER.has(code)))(
    'at once: %j %s %s',
    async (pool, code, message, kind, scope, retryAfterSeconds) => {
      const idempotencyKey = prepare(409, code, message, false);
      const result = await provider.launch(launchRequest({ pool, idempotencyKey }), anyCall());
      expect(result.instances).toEqual([]);
      const [refused] = result.refusals;
      expect(refused).toMatchObject({ count: 1, refusal: { kind, retryAfterSeconds, code, message } });
      expect(refused === undefined ? '' : scopeKey(refused.refusal.scope)).toBe(scope);
    },
  );

  it.each(REFUSALS.filter(([, code]) => LATER.has(code)))(
    'trap: later, as the failure of an accepted launch, told by the machine to an adapter started anew: %j %s %s',
    async (pool, code, _message, kind, scope, retryAfterSeconds) => {
      const message = 'Allocation failed. We do not have sufficient capacity.';
      const idempotencyKey = prepare(409, code, message, true);
      const accepted = await provider.launch(launchRequest({ pool, idempotencyKey }), anyCall());
      expect(accepted.instances.map(({ state }) => state)).toEqual(['pending']);
      await azure.clock.advance(LATENCY_MS);
      const anew = await azure.adapter();
      const ref = { region: pool.region, zone: pool.zone, idempotencyKey, index: 0, instanceId: null };
      const failed = await anew.getInstance(ref, anyCall());
      expect(failed).toMatchObject({ state: 'failed', failure: null, pool });
      expect(failed?.refusal).toMatchObject({ kind, retryAfterSeconds, code, message });
      expect(failed?.refusal ? scopeKey(failed.refusal.scope) : '').toBe(scope);
      const { instances } = await anew.listOwned({ owner: 'broker-a', regions: [pool.region] }, anyCall());
      expect(instances).toContainEqual(failed);
    },
  );
});

const LOGIN = new Set(ERROR_CODES.filter(({ arrives }) => arrives === 'login').map(({ code }) => code));

describe('each error of the table, sent by ARM to the real SDK', () => {
  it.each(ERRORS.filter(([, code]) => !LOGIN.has(code)))('%i %s is %s', async (status, code, kind, message) => {
    const idempotencyKey = prepare(status, code, message, false);
    const error = await errorOf(provider.launch(launchRequest({ pool: POOL, idempotencyKey }), anyCall()));
    expect(error).toBeInstanceOf(ProviderError);
    expect(error).toMatchObject({ kind, code, unknownCode: false });
  });

  it('trap: HTTP 429 is a throttle, whatever its body says of quotas', async () => {
    const idempotencyKey = prepare(429, 'OperationNotAllowed', 'exceeding approved LowPriorityCores quota', false);
    const error = await errorOf(provider.launch(launchRequest({ pool: POOL, idempotencyKey }), anyCall()));
    expect(error).toMatchObject({ kind: 'rate-limited' });
  });

  it('a code that no row knows is counted as unknown and is no refusal', async () => {
    const idempotencyKey = prepare(409, 'BrandNewCode', 'we have no capacity for you', false);
    const error = await errorOf(provider.launch(launchRequest({ pool: POOL, idempotencyKey }), anyCall()));
    expect(error).toMatchObject({ kind: 'unavailable', unknownCode: true });
  });

  it('a machine that fails for a reason which is no refusal keeps the vendor’s words', async () => {
    const idempotencyKey = prepare(409, 'OSProvisioningTimedOut', 'OS Provisioning did not finish in time.', true);
    await provider.launch(launchRequest({ pool: POOL, idempotencyKey }), anyCall());
    await azure.clock.advance(LATENCY_MS);
    const ref = { region: POOL.region, zone: POOL.zone, idempotencyKey, index: 0, instanceId: null };
    expect(await provider.getInstance(ref, anyCall())).toMatchObject({
      state: 'failed',
      refusal: null,
      failure: 'OSProvisioningTimedOut: OS Provisioning did not finish in time.',
    });
  });
});
