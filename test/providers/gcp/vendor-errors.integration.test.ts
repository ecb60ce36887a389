import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Provider, ProviderErrorKind, Refusal } from '../../../src/providers/provider.ts';
import type { EmulatedGcp } from './emulated-gcp.ts';
import { call, launchOf, refOf, startGcp } from './emulated-gcp.ts';

let gcp: EmulatedGcp;
let provider: Provider;

beforeAll(async () => {
  gcp = await startGcp();
  provider = await gcp.open();
});

afterAll(() => gcp.close());

const REGION = 'us-central1';
const ZONE = 'us-central1-a';
const POOL = { region: REGION, zone: ZONE, market: 'spot' };
const NO_SCOPE = { region: null, zone: null, instanceType: null, market: null, quota: null };
const PER_MINUTE =
  "Quota exceeded for quota metric 'Queries' and limit 'Queries per minute' of service 'compute.googleapis.com'.";
const EXHAUSTED = `The zone 'projects/p/zones/${ZONE}' does not have enough resources available to fulfill the request.`;

interface Row {
  readonly code: string;
  readonly message: string;
  readonly status: number;
  /** The refusal's kind and scope, or the error's kind; `failed` = a failed machine without refusal. */
  readonly expected:
    | { readonly kind: Refusal['kind']; readonly scope: object }
    | { readonly error: ProviderErrorKind }
    | 'failed';
}

/** What an operation ends with after its insert was accepted. */
const ASYNCHRONOUS: readonly Row[] = [
  ...['ZONE_RESOURCE_POOL_EXHAUSTED', 'ZONE_RESOURCE_POOL_EXHAUSTED_WITH_DETAILS', 'RESOURCE_POOL_EXHAUSTED'].map(
    (code): Row => ({ code, message: EXHAUSTED, status: 503, expected: { kind: 'capacity', scope: POOL } }),
  ),
  { code: 'INSUFFICIENT_CAPACITY', message: 'x', status: 503, expected: { kind: 'capacity', scope: POOL } },
  // Preempted while it was being made.
  { code: 'UNSUPPORTED_OPERATION', message: 'x', status: 400, expected: { kind: 'capacity', scope: POOL } },
  {
    ...{ code: 'RESERVATION_CAPACITY_EXCEEDED', message: 'x', status: 503 },
    expected: { kind: 'reservation', scope: POOL },
  },
  {
    ...{ code: 'SOME_ERROR', message: 'AUTOMATIC_RESERVATIONS_NO_CAPACITY', status: 400 },
    expected: { kind: 'reservation', scope: POOL },
  },
  {
    ...{ code: 'QUOTA_EXCEEDED', message: "Quota 'GPUS_ALL_REGIONS' exceeded.  Limit: 4.0 globally.", status: 403 },
    expected: { kind: 'quota', scope: { ...NO_SCOPE, quota: 'GPUS_ALL_REGIONS' } },
  },
  {
    code: 'QUOTA_EXCEEDED',
    message: `Quota 'PREEMPTIBLE_NVIDIA_L4_GPUS' exceeded.  Limit: 1.0 in region ${REGION}.`,
    ...{ status: 403 },
    expected: {
      kind: 'quota',
      scope: { ...NO_SCOPE, region: REGION, market: 'spot', quota: 'PREEMPTIBLE_NVIDIA_L4_GPUS' },
    },
  },
  {
    ...{ code: 'QUOTA_EXCEEDED', message: `Quota 'SSD_TOTAL_GB' exceeded.  Limit: 500.0 in region ${REGION}.` },
    ...{ status: 403, expected: { kind: 'quota', scope: { ...NO_SCOPE, region: REGION } } },
  },
  {
    ...{ code: 'type.googleapis.com/google.rpc.QuotaFailure', message: 'x', status: 403 },
    expected: { kind: 'quota', scope: { ...NO_SCOPE, region: REGION } },
  },
  ...['IP_SPACE_EXHAUSTED', 'IP_SPACE_EXHAUSTED_WITH_DETAILS'].map(
    (code): Row => ({
      ...{ code, message: 'x', status: 400 },
      expected: { kind: 'capacity', scope: { ...NO_SCOPE, region: REGION } },
    }),
  ),
  {
    ...{ code: 'PERMISSIONS_ERROR', message: `Location ${ZONE} is not found or access is unauthorized.`, status: 403 },
    expected: { kind: 'restricted', scope: { ...NO_SCOPE, region: REGION, zone: ZONE } },
  },
  ...[
    ['CONDITION_NOT_MET', 'Constraint constraints/compute.vmExternalIpAccess violated'],
    ['IAM_PERMISSION_DENIED', "Required 'iam.serviceAccounts.actAs' permission"],
    ['PERMISSIONS_ERROR', 'x'],
    ['RESOURCE_OPERATION_RATE_EXCEEDED', 'x'],
    ['CONCURRENT_OPERATIONS_QUOTA_EXCEEDED', 'x'],
    ['RESOURCE_NOT_READY', 'x'],
    ['INVALID_FIELD', 'x'],
    ['VPC_NOT_FOUND', 'x'],
    ['SUBNET_NOT_FOUND_FOR_VPC', 'x'],
    ['NEVER_SEEN_BEFORE', 'x'],
  ].map(([code = '', message = '']): Row => ({ code, message, status: 400, expected: 'failed' })),
];

/** What an insert is answered with at once. */
const SYNCHRONOUS: readonly Row[] = [
  { code: 'insufficientCapacity', message: 'x', status: 503, expected: { kind: 'capacity', scope: POOL } },
  { code: 'VM_MIN_COUNT_NOT_REACHED', message: 'x', status: 503, expected: { kind: 'capacity', scope: POOL } },
  {
    ...{ code: 'quotaExceeded', message: "Quota 'GPUS_ALL_REGIONS' exceeded.  Limit: 0.0 globally.", status: 403 },
    expected: { kind: 'quota', scope: { ...NO_SCOPE, quota: 'GPUS_ALL_REGIONS' } },
  },
  {
    code: 'quotaExceeded',
    message: `Quota 'PREEMPTIBLE_NVIDIA_L4_GPUS' exceeded.  Limit: 1.0 in region ${REGION}.`,
    ...{ status: 403 },
    expected: {
      kind: 'quota',
      scope: { ...NO_SCOPE, region: REGION, market: 'spot', quota: 'PREEMPTIBLE_NVIDIA_L4_GPUS' },
    },
  },
  {
    ...{ code: 'forbidden', message: `Location ${ZONE} is not found or access is unauthorized.`, status: 403 },
    expected: { kind: 'restricted', scope: { ...NO_SCOPE, region: REGION, zone: ZONE } },
  },
  { code: 'rateLimitExceeded', message: PER_MINUTE, status: 403, expected: { error: 'rate-limited' } },
  { code: 'RATE_LIMIT_EXCEEDED', message: 'x', status: 403, expected: { error: 'rate-limited' } },
  { code: 'forbidden', message: PER_MINUTE, status: 403, expected: { error: 'rate-limited' } },
  {
    ...{ code: 'CONCURRENT_OPERATIONS_QUOTA_EXCEEDED', message: 'x', status: 403 },
    expected: { error: 'rate-limited' },
  },
  { code: 'RESOURCE_OPERATION_RATE_EXCEEDED', message: 'x', status: 403, expected: { error: 'rate-limited' } },
  { code: 'whatever', message: 'x', status: 429, expected: { error: 'rate-limited' } },
  { code: 'resourceNotReady', message: 'x', status: 400, expected: { error: 'unavailable' } },
  { code: 'backendError', message: 'x', status: 503, expected: { error: 'unavailable' } },
  { code: 'internalError', message: 'x', status: 500, expected: { error: 'outcome-unknown' } },
  { code: 'conditionNotMet', message: 'x', status: 412, expected: { error: 'invalid-request' } },
  { code: 'invalid', message: 'x', status: 400, expected: { error: 'invalid-request' } },
  { code: 'INVALID_FIELD', message: 'x', status: 400, expected: { error: 'invalid-request' } },
  { code: 'authError', message: 'x', status: 401, expected: { error: 'unauthorized' } },
  {
    code: 'forbidden',
    message: "Required 'compute.instances.create' permission",
    status: 403,
    expected: { error: 'unauthorized' },
  },
  { code: 'IAM_PERMISSION_DENIED', message: 'x', status: 403, expected: { error: 'unauthorized' } },
];

function forced({ code, message, status }: Row, asynchronous: boolean): void {
  const vendorError = { status, code, message, asynchronous };
  gcp.fault('vendor-error', 'instances.insert', { remaining: 1, vendorError });
}

function expectRefusal(refusal: Refusal | null | undefined, row: Row): void {
  if (typeof row.expected === 'string' || 'error' in row.expected) throw new Error('not a refusal');
  expect(refusal).toMatchObject({ kind: row.expected.kind, scope: row.expected.scope, code: row.code });
  expect(refusal?.message).toBe(row.message);
  expect(refusal?.retryAfterSeconds).toBeGreaterThan(0);
}

describe('an operation that ends with an error, through the SDK', () => {
  it.each(ASYNCHRONOUS.map((row, index) => ({ ...row, index })))('$code $message', async (row) => {
    const request = launchOf({ idempotencyKey: `async${row.index}` });
    forced(row, true);
    const { instances, refusals } = await provider.launch(request, call());
    expect({ refusals, states: instances.map(({ state }) => state) }).toEqual({ refusals: [], states: ['pending'] });
    await gcp.clock.advance(60_000);
    const fresh = await gcp.open();
    const found = await fresh.getInstance(refOf(request), call());
    expect(found?.state).toBe('failed');
    if (row.expected === 'failed')
      expect(found).toMatchObject({ refusal: null, failure: `${row.code}: ${row.message}` });
    else expectRefusal(found?.refusal, row);
    // Sent again, the key starts nothing, and tells the same.
    const again = await fresh.launch({ ...request, resend: true }, call());
    if (row.expected === 'failed') expect(again.instances).toMatchObject([{ state: 'failed' }]);
    else expectRefusal(again.refusals[0]?.refusal, row);
    expect(gcp.clouds.world.machines('gcp').filter((m) => gcp.clouds.world.stateOf(m) === 'running')).toEqual([]);
    await fresh.close();
  });
});

describe('an insert that is refused at once, through the SDK', () => {
  it.each(SYNCHRONOUS.map((row, index) => ({ ...row, index })))('$status $code $message', async (row) => {
    const request = launchOf({ idempotencyKey: `sync${row.index}` });
    forced(row, false);
    const launched = provider.launch(request, call());
    if (typeof row.expected === 'object' && 'error' in row.expected) {
      await expect(launched).rejects.toMatchObject({ kind: row.expected.error });
    } else {
      const { instances, refusals } = await launched;
      expect({ instances, counts: refusals.map(({ count }) => count) }).toEqual({ instances: [], counts: [1] });
      expectRefusal(refusals[0]?.refusal, row);
    }
    expect(await provider.getInstance(refOf(request), call())).toBeNull();
  });
});
