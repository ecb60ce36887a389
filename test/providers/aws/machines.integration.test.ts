/** What is particular to AWS; what every adapter owes is in `test/conformance/`. */
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { describe, expect, it } from 'vitest';
import { parseUsd } from '../../../src/domain/money.ts';
import type { Pool } from '../../../src/domain/pool.ts';
import type { Provider } from '../../../src/providers/provider.ts';
import type { AwsClouds } from '../../emulators/ec2/aws-clouds.ts';
import { EVERY_POOL } from '../../emulators/ec2/aws-clouds.ts';
import type { AwsSubject } from './aws-subject.ts';
import { byKey, CALL, POOL, REGIONS, request, subjectForEachTest } from './aws-subject.ts';

let subject: AwsSubject;
let aws: AwsClouds;
let provider: Provider;

subjectForEachTest((fresh) => {
  subject = fresh;
  ({ aws, provider } = fresh);
});

function operations(): string[] {
  return aws.clouds.requests().map(({ operation }) => operation);
}

describe('launching', () => {
  it('sends one request, token and user data included', async () => {
    const userData = '#cloud-config\nruncmd: ["nvidia-smi"] # ü';
    const { instances } = await provider.launch(request({ count: 2, userData }), CALL);
    expect(operations()).toEqual(['RunInstances']);
    expect(instances.map(({ ref }) => ref.index)).toEqual([0, 1]);
    for (const machine of aws.clouds.world.machines('aws')) {
      expect(machine.details).toMatchObject({ clientToken: 'key1', userData });
      const tags = { workload: 'w', 'gpu-broker-owner': 'us', 'gpu-broker-attempt': 'key1' };
      expect(machine.tags).toEqual(tags);
      expect(machine.details['volumeTags']).toEqual(tags);
    }
    expect(instances[0]).toMatchObject({ owner: 'us', tags: { workload: 'w' }, pool: POOL, state: 'pending' });
  });

  it.each(['throttle', 'unavailable', 'lost-request', 'lost-reply', 'html'] as const)(
    '%s: one request, not three',
    async (kind) => {
      subject.fail(kind, 'RunInstances', { remaining: null });
      await expect(provider.launch(request(), CALL)).rejects.toThrow();
      expect(operations()).toEqual(['RunInstances']);
    },
  );

  it('a lost reply is found again by the key, and by sending it again', async () => {
    subject.fail('lost-reply', 'RunInstances');
    await expect(provider.launch(request({ count: 2 }), CALL)).rejects.toMatchObject({ kind: 'outcome-unknown' });
    const found = await provider.getInstance(byKey(1), CALL);
    expect(found?.ref).toMatchObject({ index: 1, instanceId: expect.stringMatching(/^i-/) as string });
    const { instances } = await provider.launch(request({ count: 2 }), CALL);
    expect(instances[1]?.ref).toEqual(found?.ref);
    expect(aws.clouds.world.machines('aws')).toHaveLength(2);
  });

  it('a lost request leaves nothing, and the key is still good', async () => {
    subject.fail('lost-request', 'RunInstances');
    await expect(provider.launch(request(), CALL)).rejects.toMatchObject({ kind: 'outcome-unknown' });
    expect(await provider.getInstance(byKey(), CALL)).toBeNull();
    expect((await provider.launch(request(), CALL)).instances).toHaveLength(1);
  });

  it('accounts for every machine when EC2 gives fewer', async () => {
    aws.clouds.control.setFree(EVERY_POOL, 2);
    const { instances, refusals } = await provider.launch(request({ count: 5 }), CALL);
    expect(instances).toHaveLength(2);
    expect(refusals).toEqual([
      {
        count: 3,
        refusal: {
          kind: 'capacity',
          scope: {
            provider: 'aws',
            region: 'us-east-2',
            zone: 'us-east-2a',
            instanceType: 'g5.xlarge',
            market: 'on-demand',
            quota: null,
          },
          retryAfterSeconds: 180,
          code: '',
          message: 'EC2 started 2 of 5 machines',
        },
      },
    ]);
  });

  it('a spent key gives the machines that ended', async () => {
    const { instances } = await provider.launch(request({ count: 2 }), CALL);
    for (const { ref } of instances) await provider.terminate(ref, CALL);
    await aws.clock.advance(60_000);
    const again = await provider.launch(request({ count: 2 }), CALL);
    expect(again.refusals).toEqual([]);
    expect(again.instances.map(({ ref, state }) => [ref.instanceId, state])).toEqual(
      instances.map(({ ref }) => [ref.instanceId, 'gone']),
    );
    // EC2 forgets machines before it forgets tokens.
    await aws.clock.advance(3 * 3_600_000);
    const late = await provider.launch(request({ count: 2 }), CALL);
    expect(late.instances.map(({ ref, state }) => [ref.index, ref.instanceId, state])).toEqual([
      [0, null, 'gone'],
      [1, null, 'gone'],
    ]);
    expect(aws.clouds.world.machines('aws')).toEqual([]);
  });

  it('other parameters under a key are a conflict', async () => {
    await provider.launch(request(), CALL);
    await expect(provider.launch(request({ count: 2 }), CALL)).rejects.toMatchObject({
      kind: 'conflict',
      code: 'IdempotentParameterMismatch',
    });
  });

  it.each<[string, () => void, Partial<Pool>, object]>([
    [
      'quota',
      () => aws.clouds.control.setQuotaLimit('aws', 'us-east-2', 'L-DB2E81BA', 3),
      {},
      {
        kind: 'quota',
        code: 'VcpuLimitExceeded',
        scope: { quota: 'L-DB2E81BA', market: 'on-demand', zone: null, instanceType: null },
      },
    ],
    [
      'spot quota',
      () => aws.clouds.control.setQuotaLimit('aws', 'us-east-2', 'L-3819A6DF', 3),
      { market: 'spot' },
      {
        kind: 'quota',
        code: 'MaxSpotInstanceCountExceeded',
        scope: { quota: 'L-3819A6DF', market: 'spot', zone: null },
      },
    ],
    [
      'a spot price above on-demand',
      () => aws.clouds.control.setSpotPrice(EVERY_POOL, parseUsd('2')),
      { market: 'spot' },
      { kind: 'price', code: 'SpotMaxPriceTooLow', scope: { zone: 'us-east-2a', market: 'spot' } },
    ],
    [
      'a zone without the type',
      () => undefined,
      { region: 'eu-west-1', zone: 'eu-west-1a', instanceType: 'p4d.24xlarge' },
      { kind: 'restricted', code: 'Unsupported', retryAfterSeconds: 86_400, scope: { zone: 'eu-west-1a' } },
    ],
  ])('%s is a refusal', async (_title, prepare, pool, expected) => {
    prepare();
    const { instances, refusals } = await provider.launch(request({ pool: { ...POOL, ...pool } }), CALL);
    expect(instances).toEqual([]);
    expect(refusals[0]?.refusal).toMatchObject(expected);
  });
});

describe('listing and ending', () => {
  it('reads all pages', async () => {
    await provider.launch(request({ count: 12 }), CALL);
    const paging = await subject.open({ options: { instancesPerPage: 5 } });
    const before = aws.clouds.requests().length;
    const { instances } = await paging.listOwned({ owner: 'us', regions: ['us-east-2'] }, CALL);
    expect(new Set(instances.map(({ ref }) => ref.instanceId)).size).toBe(12);
    expect(aws.clouds.requests().length - before).toBe(3);
  });

  it('a page that fails leaves the region incomplete', async () => {
    await provider.launch(request({ count: 12 }), CALL);
    const paging = await subject.open({ options: { instancesPerPage: 5 } });
    subject.fail('html', 'DescribeInstances', { region: 'us-east-2' });
    const { regions } = await paging.listOwned({ owner: 'us', regions: REGIONS }, CALL);
    expect(regions.map(({ complete }) => complete)).toEqual([false, true]);
  });

  it('a region that is not configured is named as such', async () => {
    const { regions } = await provider.listOwned({ owner: 'us', regions: ['us-west-2', 'eu-west-1'] }, CALL);
    expect(regions[0]).toMatchObject({ region: 'us-west-2', complete: false, error: { kind: 'invalid-request' } });
    expect(regions[1]?.complete).toBe(true);
    const pool = { ...POOL, region: 'us-west-2', zone: 'us-west-2a' };
    await expect(provider.launch(request({ pool }), CALL)).rejects.toMatchObject({ kind: 'invalid-request' });
    expect(operations()).toEqual(['DescribeInstances']);
  });

  it('ends a machine by its key alone', async () => {
    await provider.launch(request({ count: 2 }), CALL);
    expect(await provider.terminate(byKey(1), CALL)).toBe('terminating');
    await aws.clock.advance(60_000);
    const states = aws.clouds.world.machines('aws').map((machine) => aws.clouds.world.stateOf(machine));
    expect(states).toEqual(['running', 'terminated']);
    expect(await provider.terminate(byKey(1), CALL)).toBe('gone');
    expect(await provider.terminate({ ...byKey(), idempotencyKey: 'other' }, CALL)).toBe('gone');
  });

  it('a machine that the cloud does not know is gone', async () => {
    const unknown = { ...byKey(), instanceId: 'i-0fffffffffffffff0' };
    expect(await provider.getInstance(unknown, CALL)).toBeNull();
    expect(await provider.terminate(unknown, CALL)).toBe('gone');
    // An id that cannot be one proves nothing.
    await expect(provider.terminate({ ...unknown, instanceId: 'vm-1' }, CALL)).rejects.toMatchObject({
      kind: 'invalid-request',
      code: 'InvalidInstanceID.Malformed',
    });
  });

  it('a lost reply to an ending is unknown, and asking again settles it', async () => {
    const { instances } = await provider.launch(request(), CALL);
    const [instance] = instances;
    if (instance === undefined) throw new Error('nothing was launched');
    subject.fail('lost-reply', 'TerminateInstances');
    await expect(provider.terminate(instance.ref, CALL)).rejects.toMatchObject({ kind: 'outcome-unknown' });
    await aws.clock.advance(60_000);
    expect(await provider.terminate(instance.ref, CALL)).toBe('gone');
  });

  it('tells a spot machine by its market', async () => {
    const pool: Pool = { ...POOL, market: 'spot' };
    await provider.launch(request({ pool }), CALL);
    expect((await provider.getInstance(byKey(), CALL))?.pool).toEqual(pool);
  });
});

describe('connections', () => {
  async function withServer(listen: boolean, check: (broken: Provider) => Promise<void>): Promise<void> {
    const server = createServer(() => undefined);
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
    if (!listen) await new Promise((resolve) => server.close(resolve));
    try {
      await check(await subject.open({ endpoints: { ec2: url, pricing: url, 'service-quotas': url } }));
    } finally {
      server.closeAllConnections();
      server.close();
    }
  }

  it('refused: nothing was sent, so nothing happened', async () => {
    await withServer(false, async (broken) => {
      await expect(broken.launch(request(), CALL)).rejects.toMatchObject({ kind: 'unavailable', code: '' });
      await expect(broken.terminate({ ...byKey(), instanceId: 'i-0123456789abcdef0' }, CALL)).rejects.toMatchObject({
        kind: 'unavailable',
      });
    });
  });

  it('a call ends with the signal’s reason soon after it aborts', async () => {
    await withServer(true, async (silent) => {
      const abort = new AbortController();
      const reason = new Error('enough');
      const calls = [
        silent.launch(request(), { signal: abort.signal }),
        silent.getInstance(byKey(), { signal: abort.signal }),
        silent.listOwned({ owner: 'us', regions: REGIONS }, { signal: abort.signal }),
        silent.listOffers({ regions: REGIONS }, { signal: abort.signal }),
      ];
      const settled = Promise.allSettled(calls);
      setImmediate(() => abort.abort(reason));
      for (const outcome of await settled) expect(outcome).toEqual({ status: 'rejected', reason });
      await expect(silent.launch(request(), { signal: abort.signal })).rejects.toBe(reason);
    });
  });
});
