/**
 * Every row of the code table, through the real SDK: what the emulated cloud answers, with the status that AWS gives it, and what the
 * adapter makes of it. Answers that no emulated cloud gives come from a bare server.
 */
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Pool } from '../../../src/domain/pool.ts';
import { VendorError } from '../../../src/emulators/ec2/vendor-error.ts';
import { writeXmlError } from '../../../src/emulators/ec2/xml-codec.ts';
import { createManualClock } from '../../../src/emulators/world/clocks.ts';
import type { CodeRow, RefusalReach } from '../../../src/providers/aws/error-codes.ts';
import { CODE_ROWS, findCodeRow } from '../../../src/providers/aws/error-codes.ts';
import { createProvider } from '../../../src/providers/aws/index.ts';
import type { InstanceRef, LaunchRequest, Provider } from '../../../src/providers/provider.ts';
import { ProviderError } from '../../../src/providers/provider.ts';
import type { AwsSubject } from './aws-subject.ts';
import { startSubject } from './aws-subject.ts';

const SPOT_POOL: Pool = {
  provider: 'aws',
  region: 'us-east-1',
  zone: 'us-east-1a',
  instanceType: 'p4d.24xlarge',
  market: 'spot',
  reservation: null,
};
const REQUEST: LaunchRequest = {
  owner: 'us',
  idempotencyKey: 'key1',
  resend: false,
  accelerator: 'A10G',
  pool: SPOT_POOL,
  count: 3,
  tags: {},
  userData: null,
};
const REF: InstanceRef = {
  region: 'us-east-1',
  zone: 'us-east-1a',
  idempotencyKey: 'key1',
  index: 0,
  instanceId: 'i-0123456789abcdef0',
};
const CALL = { signal: new AbortController().signal };

interface Answer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
}

let answer: Answer;
let provider: Provider;
let requests = 0;
const server = createServer((request, response) => {
  requests += 1;
  request.resume().on('end', () => {
    response.writeHead(answer.status, answer.headers).end(answer.body);
  });
});

let subject: AwsSubject;

beforeAll(async () => {
  subject = await startSubject({ regions: ['us-east-1'] });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  provider = await createProvider({
    regions: ['us-east-1'],
    endpoints: { ec2: url, pricing: url, 'service-quotas': url },
    certificateAuthority: null,
    credentials: 'emulated',
    options: {},
    clock: createManualClock(0),
  });
});
afterAll(async () => {
  await subject.close();
  await provider.close();
  server.closeAllConnections();
  server.close();
});

function vendor(status: number, code: string, message: string): Answer {
  return {
    status,
    headers: { 'content-type': 'text/xml' },
    body: writeXmlError(new VendorError(status, code, message), 'id'),
  };
}

async function thrown(call: () => Promise<unknown>): Promise<ProviderError> {
  const before = requests;
  try {
    await call();
  } catch (error) {
    // Nothing is ever sent twice on the SDK's own account.
    expect(requests - before).toBe(1);
    if (error instanceof ProviderError) return error;
    throw error;
  }
  throw new Error('nothing was thrown');
}

function failWith(operation: string, code: string, message: string): void {
  const vendorError = { status: statusOf(code), code, message, asynchronous: false };
  subject.fail('vendor-error', operation, { vendorError });
}

async function refusedByCloud(call: () => Promise<unknown>): Promise<ProviderError> {
  const before = subject.aws.clouds.requests().length;
  const error = await call().catch((reason: unknown) => reason);
  // Nothing is ever sent twice on the SDK's own account, whatever the status.
  expect(subject.aws.clouds.requests().length - before).toBe(1);
  if (error instanceof ProviderError) return error;
  throw new Error('nothing was thrown', { cause: error });
}

const ANY = { provider: 'aws', region: null, zone: null, instanceType: null, market: null, quota: null };
const SCOPES: Readonly<Record<RefusalReach, object>> = {
  pool: { ...ANY, region: 'us-east-1', zone: 'us-east-1a', instanceType: 'p4d.24xlarge', market: 'spot' },
  zone: { ...ANY, region: 'us-east-1', zone: 'us-east-1a' },
  'type-region': { ...ANY, region: 'us-east-1', instanceType: 'p4d.24xlarge', market: 'spot' },
  'family-quota': { ...ANY, region: 'us-east-1', market: 'spot', quota: 'L-7212CCBC' },
  region: { ...ANY, region: 'us-east-1' },
  'spot-account': { ...ANY, market: 'spot' },
};

/** AWS's server errors (EC2 API reference, error codes) and the client errors that are not 400. */
const STATUSES: readonly (readonly [RegExp, number])[] = [
  [/^Insufficient(Instance|Host|Address|Volume|ReservedInstance)?Capacity$|^InternalError$|^InternalFailure$/, 500],
  [/^(ServerInternal|InternalErrorException|ServiceException)$/, 500],
  [/^(RequestLimitExceeded|ServiceUnavailable|Unavailable|SlowDown)$/, 503],
  [/^(AuthFailure|OptInRequired|SignatureDoesNotMatch)$/, 401],
  [/^(UnauthorizedOperation|AccessDenied|Blocked|InvalidClientTokenId|KmsAccessDenied)$/, 403],
  [/^DryRunOperation$/, 412],
];

function statusOf(code: string): number {
  return STATUSES.find(([pattern]) => pattern.test(code))?.[1] ?? 400;
}

/** The codes that the SDK raises by itself, without any answer. */
const LOCAL = new Set(['CredentialsProviderError', 'TokenProviderError']);
const rows = CODE_ROWS.map((row) => {
  const code = row.code.replace('*', 'Example');
  const title = row.messageTerm === undefined ? code : `${code} (${row.messageTerm})`;
  return { row, code, title, message: `It is said: ${row.messageTerm?.toUpperCase() ?? 'no'}.` };
});

describe('the code table', () => {
  it('has no row that an earlier one hides', () => {
    const hidden = rows.filter(({ row, code, message }) => findCodeRow(code, message) !== row);
    expect(hidden.map(({ title }) => title)).toEqual([]);
    expect(rows.length).toBeGreaterThan(60);
  });

  it.each<[string, string, RefusalReach | null]>([
    ['InsufficientInstanceCapacity', 'capacity', 'pool'],
    ['InsufficientHostCapacity', 'capacity', 'pool'],
    ['InsufficientCapacity', 'capacity', 'pool'],
    ['UnfulfillableCapacity', 'capacity', 'pool'],
    ['Unsupported', 'restricted', 'pool'],
    ['SpotMaxPriceTooLow', 'price', 'pool'],
    ['InsufficientReservedInstanceCapacity', 'reservation', 'pool'],
    ['ReservationCapacityExceeded', 'reservation', 'pool'],
    ['InsufficientFreeAddressesInSubnet', 'capacity', 'zone'],
    ['InsufficientAddressCapacity', 'capacity', 'zone'],
    ['InsufficientVolumeCapacity', 'capacity', 'zone'],
    ['VolumeLimitExceeded', 'quota', 'region'],
    ['MaxIOPSLimitExceeded', 'quota', 'region'],
    ['VcpuLimitExceeded', 'quota', 'family-quota'],
    ['MaxSpotInstanceCountExceeded', 'quota', 'family-quota'],
    ['InstanceLimitExceeded', 'quota', 'type-region'],
    ['MaxFleetCountExceeded', 'quota', 'region'],
    ['PendingVerification', 'restricted', 'region'],
    ['RequestLimitExceeded', 'rate-limited', null],
    ['ThrottlingException', 'rate-limited', null],
    ['EC2ThrottledException', 'rate-limited', null],
    ['ServiceUnavailable', 'unavailable', null],
    ['Unavailable', 'unavailable', null],
    ['InternalError', 'unavailable', null],
    ['ServerInternal', 'unavailable', null],
    ['InvalidParameterValue', 'invalid-request', null],
    ['InvalidParameterCombination', 'invalid-request', null],
    ['InvalidAMIID.Malformed', 'invalid-request', null],
    ['InvalidLaunchTemplateId.NotFound', 'invalid-request', null],
    ['InvalidUserData.Malformed', 'invalid-request', null],
    ['InvalidSubnetID.NotFound', 'invalid-request', null],
    ['IdempotentParameterMismatch', 'conflict', null],
    ['IdempotentInstanceTerminated', 'conflict', null],
    ['OptInRequired', 'restricted', 'region'],
    ['AuthFailure.ServiceLinkedRoleCreationNotPermitted', 'restricted', 'spot-account'],
    ['AuthFailure', 'unauthorized', null],
    ['UnauthorizedOperation', 'unauthorized', null],
    ['AccessDenied', 'unauthorized', null],
    ['ExpiredToken', 'unauthorized', null],
    ['ExpiredTokenException', 'unauthorized', null],
    ['RequestExpired', 'unauthorized', null],
    ['InvalidClientTokenId', 'unauthorized', null],
    ['InvalidClientToken', 'unauthorized', null],
    ['Blocked', 'unauthorized', null],
  ])('has %s as %s, reaching %s', (code, kind, reach) => {
    const row = findCodeRow(code, 'no');
    if (row === null) throw new Error(`${code} is missing`);
    const found = 'refusal' in row ? [row.refusal, row.reach] : [row.error, null];
    expect(found).toEqual([kind, reach]);
  });

  it.each(rows)('$title on a launch', async ({ row, code, message }) => {
    failWith('RunInstances', code, message);
    if ('refusal' in row) {
      const { refusal: kind, reach, retryAfterSeconds } = row;
      expect(await subject.provider.launch(REQUEST, CALL)).toEqual({
        instances: [],
        refusals: [{ count: 3, refusal: { kind, scope: SCOPES[reach], retryAfterSeconds, code, message } }],
      });
      return;
    }
    if (code === 'IdempotentInstanceTerminated') {
      // A spent token is no failure: its machines have ended.
      const { instances } = await subject.provider.launch(REQUEST, CALL);
      expect(instances.map(({ state }) => state)).toEqual(['gone', 'gone', 'gone']);
      return;
    }
    const error = await refusedByCloud(() => subject.provider.launch(REQUEST, CALL));
    expect(outcome(error)).toEqual({
      kind: row.mayHaveHappened === true ? 'outcome-unknown' : row.error,
      code,
      operation: 'RunInstances',
      unknownCode: false,
      retryAfterSeconds: row.retryAfterSeconds ?? null,
    });
    expect(error.message).toContain(message);
  });

  it.each(rows.filter(({ row }) => !LOCAL.has(row.code)))('$title on a read', async ({ row, code, message }) => {
    failWith('DescribeInstances', code, message);
    const ref = { ...REF, instanceId: null };
    const error = await refusedByCloud(() => subject.provider.getInstance(ref, CALL));
    expect(outcome(error)).toEqual({
      kind: kindOnRead(row),
      code,
      operation: 'DescribeInstances',
      unknownCode: false,
      retryAfterSeconds: row.retryAfterSeconds ?? null,
    });
  });

  it('forgives a side in front of the code', async () => {
    answer = vendor(500, 'Server.InsufficientInstanceCapacity', 'no');
    const { refusals } = await provider.launch(REQUEST, CALL);
    expect(refusals[0]?.refusal).toMatchObject({ kind: 'capacity', code: 'Server.InsufficientInstanceCapacity' });
  });

  it('names an unknown quota by its type', async () => {
    answer = vendor(400, 'VcpuLimitExceeded', 'no');
    const pool = { ...SPOT_POOL, instanceType: 'm7i.large', market: 'on-demand' } as const;
    const { refusals } = await provider.launch({ ...REQUEST, pool }, CALL);
    expect(refusals[0]?.refusal.scope).toEqual({
      ...ANY,
      region: 'us-east-1',
      instanceType: 'm7i.large',
      market: 'on-demand',
    });
  });
});

function kindOnRead(row: CodeRow): string {
  return 'refusal' in row ? 'unavailable' : row.error;
}

function outcome({ kind, code, operation, unknownCode, retryAfterSeconds }: ProviderError): object {
  return { kind, code, operation, unknownCode, retryAfterSeconds };
}

describe('answers without a known code', () => {
  it('a code that nobody has met counts, and is not called capacity', async () => {
    answer = vendor(400, 'GpuSupplyChainDisrupted', 'no GPUs');
    const error = await thrown(() => provider.launch(REQUEST, CALL));
    expect(outcome(error)).toMatchObject({ kind: 'unavailable', code: 'GpuSupplyChainDisrupted', unknownCode: true });
  });

  it.each<[string, Answer]>([
    [
      'an HTML page with 502',
      { status: 502, headers: { 'content-type': 'text/html' }, body: '<html><body><br></body></html>' },
    ],
    [
      'tidy HTML with 502',
      { status: 502, headers: { 'content-type': 'text/html' }, body: '<html><body>no</body></html>' },
    ],
    ['plain text with 504', { status: 504, headers: { 'content-type': 'text/plain' }, body: 'timeout' }],
    ['nothing with 503', { status: 503, headers: {}, body: '' }],
    [
      'a login page with 200',
      { status: 200, headers: { 'content-type': 'text/html' }, body: '<html><body>Sign in</body></html>' },
    ],
    ['nothing with 200', { status: 200, headers: {}, body: '' }],
  ])('%s: a mutation may have happened, a read has failed', async (_title, page) => {
    answer = page;
    const launched = await thrown(() => provider.launch(REQUEST, CALL));
    expect(outcome(launched)).toMatchObject({ kind: 'outcome-unknown', unknownCode: false });
    const ended = await thrown(() => provider.terminate(REF, CALL));
    expect(ended.kind).toBe('outcome-unknown');
    const read = await thrown(() => provider.getInstance(REF, CALL));
    expect(outcome(read)).toMatchObject({ kind: 'unavailable', unknownCode: false });
    const { instances, regions } = await provider.listOwned({ owner: 'us', regions: ['us-east-1'] }, CALL);
    expect(instances).toEqual([]);
    expect(regions[0]).toMatchObject({ complete: false, error: { kind: 'unavailable' } });
  });

  it('honours Retry-After', async () => {
    answer = { ...vendor(503, 'RequestLimitExceeded', 'slow down'), headers: { 'retry-after': '17' } };
    const error = await thrown(() => provider.launch(REQUEST, CALL));
    expect(outcome(error)).toMatchObject({ kind: 'rate-limited', retryAfterSeconds: 17 });
  });

  it('an error keeps the vendor’s words, and nothing of the request', async () => {
    answer = vendor(400, 'InvalidAMIID.NotFound', 'The image id does not exist');
    const error = await thrown(() => provider.launch({ ...REQUEST, userData: 'token=s3cret' }, CALL));
    expect(error.message).toBe('aws RunInstances: The image id does not exist');
    expect(error.cause).toBeInstanceOf(Error);
    expect(Object.keys(error.cause ?? {}).filter((key) => key.startsWith('$'))).toEqual([]);
  });
});
