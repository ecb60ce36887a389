import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { CODE_ROWS, type ErrorRow, type RefusalRow } from '../../../src/providers/lambda/error-codes.ts';
import { ProviderError } from '../../../src/providers/provider.ts';
import { aRequest, call, type LambdaStage, OWNER, REGIONS, startStage } from './lambda-clouds.ts';

const refusals = CODE_ROWS.filter((row): row is RefusalRow => 'refusal' in row);
const errors = CODE_ROWS.filter((row): row is ErrorRow => 'error' in row);

/** What each row says, written down once more: a row changed by accident fails here. */
const EXPECTED_REFUSALS: Readonly<Record<string, readonly [string, object, number]>> = {
  'instance-operations/launch/insufficient-capacity': [
    'capacity',
    { region: 'us-east-1', zone: null, instanceType: 'gpu_1x_a10', market: 'on-demand', quota: null },
    180,
  ],
  'global/quota-exceeded': [
    'quota',
    { region: null, zone: null, instanceType: null, market: null, quota: 'instances' },
    3600,
  ],
};

/** Code → kind for a read, kind for a launch. */
const EXPECTED_ERRORS: Readonly<Record<string, readonly [string, string]>> = {
  '1015': ['rate-limited', 'rate-limited'],
  'provider/internal-unavailable': ['unavailable', 'outcome-unknown'],
  'global/internal-error': ['unavailable', 'outcome-unknown'],
  'global/invalid-api-key': ['unauthorized', 'unauthorized'],
  'global/forbidden': ['unauthorized', 'unauthorized'],
  'global/account-inactive': ['unauthorized', 'unauthorized'],
  'global/invalid-address': ['unauthorized', 'unauthorized'],
  '1010': ['unauthorized', 'unauthorized'],
  '1020': ['unauthorized', 'unauthorized'],
  'global/invalid-parameters': ['invalid-request', 'invalid-request'],
  'global/object-does-not-exist': ['invalid-request', 'invalid-request'],
  'global/not-found': ['invalid-request', 'invalid-request'],
  'global/duplicate': ['conflict', 'conflict'],
  'global/conflict': ['unavailable', 'unavailable'],
  'instance-operations/launch/file-system-in-wrong-region': ['invalid-request', 'invalid-request'],
};

describe('Lambda’s error codes', () => {
  let stage: LambdaStage;

  beforeAll(async () => {
    stage = await startStage();
  });

  afterAll(async () => {
    await stage.close();
  });

  function meet(operation: string, code: string, status = 400): void {
    const vendorError = { status, code, message: `the words of ${code}`, asynchronous: false };
    stage.fault({ kind: 'vendor-error', operation, vendorError, remaining: 1 });
  }

  it('has an expectation for each row, and a row for each expectation', () => {
    expect(refusals.map(({ code }) => code).toSorted()).toEqual(Object.keys(EXPECTED_REFUSALS).toSorted());
    expect(errors.map(({ code }) => code).toSorted()).toEqual(Object.keys(EXPECTED_ERRORS).toSorted());
  });

  it.each(refusals.map(({ code }) => code))(
    'a launch that meets %s is refused, with the cloud’s words',
    async (code) => {
      const [kind, scope, retryAfterSeconds] = EXPECTED_REFUSALS[code] ?? [];
      meet('launchInstance', code);
      const result = await stage.provider.launch(aRequest({ count: 2 }), call());
      expect(result).toMatchObject({
        instances: [],
        refusals: [
          {
            count: 2,
            refusal: {
              ...{ kind, code, retryAfterSeconds, message: `the words of ${code}` },
              scope: { provider: 'lambda', ...scope },
            },
          },
        ],
      });
      expect(stage.living()).toEqual([]);
    },
  );

  it.each(errors.map(({ code }) => code))(
    '%s means the same for a read, and for a launch as far as it can',
    async (code) => {
      const [ofRead, ofLaunch] = EXPECTED_ERRORS[code] ?? [];
      meet('listInstances', code);
      const { regions } = await stage.provider.listOwned({ owner: OWNER, regions: REGIONS }, call());
      const details = { name: 'ProviderError', code, operation: 'listInstances', unknownCode: false };
      for (const { error } of regions) expect(error).toMatchObject({ ...details, kind: ofRead });
      meet('launchInstance', code);
      const error = await stage.provider.launch(aRequest(), call()).catch((reason: unknown) => reason);
      expect(error).toBeInstanceOf(ProviderError);
      expect(error).toMatchObject({ code, operation: 'launchInstance', kind: ofLaunch, unknownCode: false });
      expect(String(error)).toContain(`the words of ${code}`);
      expect(stage.living()).toEqual([]);
    },
  );

  it('a code that nobody has met is unavailable, and counted', async () => {
    meet('launchInstance', 'global/from-next-year');
    await expect(stage.provider.launch(aRequest(), call())).rejects.toMatchObject({
      ...{ kind: 'unavailable', code: 'global/from-next-year', unknownCode: true },
    });
  });

  it('a code that nobody has met, with a failure of the server’s, leaves a launch open', async () => {
    meet('launchInstance', 'provider/from-next-year', 502);
    await expect(stage.provider.launch(aRequest(), call())).rejects.toMatchObject({
      ...{ kind: 'outcome-unknown', code: 'provider/from-next-year', unknownCode: true },
    });
  });

  it('trap: status 429 is a throttle whatever its code', async () => {
    meet('launchInstance', 'global/from-next-year', 429);
    await expect(stage.provider.launch(aRequest(), call())).rejects.toMatchObject({
      ...{ kind: 'rate-limited', retryAfterSeconds: 12, unknownCode: false },
    });
  });
});
