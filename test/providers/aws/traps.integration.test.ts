/** What bites with the AWS SDKs and with EC2: each of these fails when its guard is taken away. */
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { FaultKind } from '../../../src/emulators/world/control-contract.ts';
import type { Provider } from '../../../src/providers/provider.ts';
import type { AwsClouds } from '../../emulators/ec2/aws-clouds.ts';
import type { AwsSubject } from './aws-subject.ts';
import { CALL, POOL, REGIONS, request, startSubject } from './aws-subject.ts';

let subject: AwsSubject;
let aws: AwsClouds;
let provider: Provider;
let key = '';
let keys = 0;
let before = 0;

beforeAll(async () => {
  subject = await startSubject();
  ({ aws, provider } = subject);
});
afterAll(async () => {
  await subject.close();
});
beforeEach(() => {
  keys += 1;
  key = `trap${keys}`;
  for (const { id } of aws.clouds.control.faults()) aws.clouds.control.removeFault(id);
  before = aws.clouds.requests().length;
});

function sent(): string[] {
  return aws.clouds
    .requests()
    .slice(before)
    .map(({ operation }) => operation);
}

function machinesOf(token: string): number {
  return aws.clouds.world.machines('aws').filter(({ details }) => details['clientToken'] === token).length;
}

function vendorError(status: number, code: string): object {
  return { vendorError: { status, code, message: 'said the cloud', asynchronous: false } };
}

describe('launches', () => {
  it.each<[number, string]>([
    [500, 'InsufficientInstanceCapacity'],
    [500, 'InternalError'],
    [503, 'RequestLimitExceeded'],
    [503, 'Unavailable'],
  ])('trap: HTTP %i %s is transient to the SDK, and sent once all the same', async (status, code) => {
    subject.fail('vendor-error', 'RunInstances', { remaining: null, ...vendorError(status, code) });
    await provider.launch(request({ idempotencyKey: key }), CALL).catch(() => undefined);
    expect(sent()).toEqual(['RunInstances']);
  });

  it('trap: the SDK makes up a new token for each send; ours is the same over resends and restarts', async () => {
    const wanted = request({ idempotencyKey: key, count: 2 });
    const first = await provider.launch(wanted, CALL);
    const again = await provider.launch(wanted, CALL);
    const restarted = await subject.open();
    const third = await restarted.launch(wanted, CALL);
    expect(machinesOf(key)).toBe(2);
    for (const { instances } of [again, third]) {
      expect(instances.map(({ ref }) => ref)).toEqual(first.instances.map(({ ref }) => ref));
    }
  });

  it('trap: an HTML page with status 502 is an XML parse error to the SDK; the outcome is unknown', async () => {
    subject.fail('html', 'RunInstances');
    await expect(provider.launch(request({ idempotencyKey: key }), CALL)).rejects.toMatchObject({
      kind: 'outcome-unknown',
      unknownCode: false,
    });
  });

  it('trap: half an answer is no answer: the launch happened, and is found by its key', async () => {
    subject.fail('reset', 'RunInstances');
    const wanted = request({ idempotencyKey: key, count: 3 });
    await expect(provider.launch(wanted, CALL)).rejects.toMatchObject({ kind: 'outcome-unknown' });
    expect(machinesOf(key)).toBe(3);
    const { instances } = await provider.launch({ ...wanted, resend: true }, CALL);
    expect(instances).toHaveLength(3);
    expect(machinesOf(key)).toBe(3);
  });

  it('trap: one token with other parameters is a conflict (IdempotentParameterMismatch), and starts nothing', async () => {
    await provider.launch(request({ idempotencyKey: key }), CALL);
    await expect(provider.launch(request({ idempotencyKey: key, count: 2 }), CALL)).rejects.toMatchObject({
      kind: 'conflict',
      code: 'IdempotentParameterMismatch',
    });
    expect(machinesOf(key)).toBe(1);
  });

  it('trap: a resend asks before it sends, so that other options in between are no conflict', async () => {
    const { instances } = await provider.launch(request({ idempotencyKey: key }), CALL);
    const restarted = await subject.open({ options: { keyName: 'new' } });
    const again = await restarted.launch(request({ idempotencyKey: key, resend: true }), CALL);
    expect(again.instances.map(({ ref }) => ref)).toEqual(instances.map(({ ref }) => ref));
    expect(sent()).toEqual(['RunInstances', 'DescribeInstances']);
  });

  it.each([
    ['while EC2 still lists them', 60_000],
    ['long after EC2 has stopped listing them (IdempotentInstanceTerminated)', 3 * 3_600_000],
  ])('trap: a resend whose machines have ended starts nothing, %s', async (_when, after) => {
    const wanted = request({ idempotencyKey: key, count: 2 });
    const { instances } = await provider.launch(wanted, CALL);
    for (const { ref } of instances) await provider.terminate(ref, CALL);
    await aws.clock.advance(after);
    const restarted = await subject.open();
    const again = await restarted.launch({ ...wanted, resend: true }, CALL);
    expect(again.refusals).toEqual([]);
    expect(again.instances.map(({ ref, state }) => [ref.index, state])).toEqual([
      [0, 'gone'],
      [1, 'gone'],
    ]);
    const living = aws.clouds.world.machines('aws').filter(({ details }) => details['clientToken'] === key);
    expect(living.filter((machine) => aws.clouds.world.stateOf(machine) !== 'terminated')).toEqual([]);
  });

  it('trap: an open reservation swallows what is launched on demand beside it, unless the launch says no', async () => {
    await provider.launch(request({ idempotencyKey: key }), CALL);
    const machine = aws.clouds.world.machines('aws').find(({ details }) => details['clientToken'] === key);
    expect(machine?.details['capacityReservationPreference']).toBe('none');
  });

  it('a hundred at once with one key start one machine', async () => {
    const wanted = request({ idempotencyKey: key });
    const results = await Promise.all(Array.from({ length: 100 }, () => provider.launch(wanted, CALL)));
    expect(new Set(results.map(({ instances }) => instances[0]?.ref.instanceId)).size).toBe(1);
    expect(machinesOf(key)).toBe(1);
  });
});

describe('reads', () => {
  it('trap: an empty NextToken ends the pages', async () => {
    await provider.listOffers({ regions: [POOL.region] }, CALL);
    // The emulated EC2 ends this listing with an empty token, as the real one does.
    expect(sent().filter((operation) => operation === 'DescribeSpotPriceHistory')).toHaveLength(1);
  });

  it('trap: one unknown id fails a whole batch, so each machine is ended on its own', async () => {
    const { instances } = await provider.launch(request({ idempotencyKey: key, count: 2 }), CALL);
    const refs = instances.map(({ ref }) => ref);
    const unknown = { ...request(), ...refs[0], instanceId: 'i-0fffffffffffffff0', index: 0 };
    const answers = await Promise.all(
      [...refs, { ...unknown, region: POOL.region, zone: POOL.zone }].map((ref) => provider.terminate(ref, CALL)),
    );
    expect(answers).toEqual(['terminating', 'terminating', 'gone']);
  });

  it.each<FaultKind>(['throttle', 'unavailable', 'internal-error', 'html', 'reset', 'lost-reply'])(
    'trap: %s in one region is that region’s failure, never an empty list',
    async (kind) => {
      const [bad = '', good = ''] = REGIONS;
      subject.fail(kind, 'Describe*', { region: bad, remaining: null });
      const query = { owner: 'us', regions: [bad, good] };
      const answers = await Promise.all([
        provider.listOwned(query, CALL),
        provider.listOffers(query, CALL),
        provider.listQuotas(query, CALL),
        provider.listLeftovers(query, CALL),
      ]);
      for (const { regions } of answers) {
        expect(regions.map(({ region, complete }) => [region, complete])).toEqual([
          [bad, false],
          [good, true],
        ]);
        const wanted = kind === 'throttle' ? 'rate-limited' : 'unavailable';
        expect(regions[0]?.error).toMatchObject({ name: 'ProviderError', kind: wanted });
      }
    },
  );

  it('trap: a region that is down is a failure, never an empty list', async () => {
    const [bad = '', good = ''] = REGIONS;
    aws.clouds.control.setOutage('aws', bad, true);
    const { leftovers, regions } = await provider.listLeftovers({ owner: 'us', regions: [bad, good] }, CALL);
    aws.clouds.control.setOutage('aws', bad, false);
    expect(leftovers).toEqual([]);
    expect(regions.map(({ complete }) => complete)).toEqual([false, true]);
  });
});
