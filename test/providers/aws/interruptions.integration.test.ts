/** Notices over SQS; what every adapter owes of them is in `test/conformance/`. */
import { SendMessageCommand, SQSClient } from '@aws-sdk/client-sqs';
import { describe, expect, it } from 'vitest';
import type { Pool } from '../../../src/domain/pool.ts';
import type { InterruptionPage, Provider } from '../../../src/providers/provider.ts';
import type { AwsClouds } from '../../emulators/ec2/aws-clouds.ts';
import { CREDENTIALS, STARTED_AT } from '../../emulators/ec2/aws-clouds.ts';
import type { AwsSubject } from './aws-subject.ts';
import { CALL, POOL, request, subjectForEachTest } from './aws-subject.ts';

const SPOT: Pool = { ...POOL, market: 'spot' };

let subject: AwsSubject;
let aws: AwsClouds;
let provider: Provider;

subjectForEachTest((fresh) => {
  subject = fresh;
  ({ aws, provider } = fresh);
});

async function poll(cursor: string | null = null, polled: Provider = provider): Promise<InterruptionPage> {
  const page = await polled.pollInterruptions?.(cursor, CALL);
  if (page === undefined) throw new Error('this provider cannot be polled');
  return page;
}

async function send(body: string, region: string = POOL.region): Promise<void> {
  const endpoint = aws.clouds.endpoints.aws['sqs'] ?? '';
  const client = new SQSClient({ region, endpoint, credentials: CREDENTIALS });
  const url = `${endpoint}/000000000000/gpu-broker-interruptions`;
  await client.send(new SendMessageCommand({ QueueUrl: url, MessageBody: body }));
  client.destroy();
}

async function spotMachine(): Promise<string> {
  const { instances } = await provider.launch(request({ pool: SPOT }), CALL);
  await aws.clock.advance(60_000);
  return instances[0]?.ref.instanceId ?? '';
}

describe('notices', () => {
  it('a warning has its deadline, a recommendation is a risk, and the end is told when the cloud ended it', async () => {
    const instanceId = await spotMachine();
    aws.clouds.control.interrupt(aws.clouds.world.machines('aws')[0]?.serial ?? 0);
    const { notices, cursor, error } = await poll();
    expect(error).toBeNull();
    const at = STARTED_AT + 60_000;
    const common = { region: POOL.region, instanceId, at };
    expect(notices).toEqual([
      { ...common, kind: 'risk', deadlineAt: null, message: 'EC2 Instance Rebalance Recommendation' },
      { ...common, kind: 'notice', deadlineAt: at + 120_000, message: 'EC2 Spot Instance Interruption Warning' },
    ]);
    await aws.clock.advance(180_000);
    const later = await poll(cursor);
    expect(later.notices.map(({ kind, instanceId: id }) => [kind, id])).toEqual([['taken', instanceId]]);
  });

  it('what was ended over the API is no interruption; what broke is', async () => {
    await spotMachine();
    const { instances } = await provider.launch(request({ idempotencyKey: 'key2' }), CALL);
    await aws.clock.advance(60_000);
    const [ours] = instances;
    if (ours === undefined) throw new Error('nothing was launched');
    await provider.terminate(ours.ref, CALL);
    const [broken] = aws.clouds.world.machines('aws');
    aws.clouds.control.lose(broken?.serial ?? 0);
    await aws.clock.advance(60_000);
    const { notices } = await poll();
    expect(notices.map(({ kind, instanceId }) => [kind, instanceId])).toEqual([['taken', 'i-00000000000000001']]);
  });

  it('maintenance that AWS Health schedules names the machine and the day', async () => {
    await send(
      JSON.stringify({
        'detail-type': 'AWS Health Event',
        source: 'aws.health',
        time: '2026-11-02T12:00:00Z',
        region: POOL.region,
        detail: {
          service: 'EC2',
          eventTypeCode: 'AWS_EC2_PERSISTENT_INSTANCE_RETIREMENT_SCHEDULED',
          eventTypeCategory: 'scheduledChange',
          startTime: 'Mon, 16 Nov 2026 15:00:00 GMT',
          affectedEntities: [{ entityValue: 'i-0123456789abcdef0' }, { entityValue: 'vol-0123456789abcdef0' }],
        },
      }),
    );
    const { notices } = await poll();
    expect(notices).toEqual([
      {
        kind: 'maintenance',
        region: POOL.region,
        instanceId: 'i-0123456789abcdef0',
        at: STARTED_AT,
        deadlineAt: Date.UTC(2026, 10, 16, 15),
        message: 'AWS_EC2_PERSISTENT_INSTANCE_RETIREMENT_SCHEDULED',
      },
    ]);
  });

  it('what cannot be read, and what is about other things, is skipped and deleted', async () => {
    const bodies = [
      'not JSON',
      '[]',
      '{"detail-type":"EC2 Spot Instance Interruption Warning","time":"x","detail":{}}',
    ];
    const warning = { 'detail-type': 'EC2 Spot Instance Interruption Warning', time: '2026-11-02T12:00:00Z' };
    bodies.push(JSON.stringify({ ...warning, detail: {} }));
    bodies.push(JSON.stringify({ 'detail-type': 'EBS Volume Notification', time: warning.time, detail: {} }));
    for (const body of bodies) await send(body);
    await send(JSON.stringify({ ...warning, detail: { 'instance-id': 'i-1' } }));
    const { notices, cursor, error } = await poll();
    expect(error).toBeNull();
    expect(notices.map(({ instanceId }) => instanceId)).toEqual(['i-1']);
    await poll(cursor);
    await aws.clock.advance(3_600_000);
    expect((await poll()).notices).toEqual([]);
    expect(aws.clouds.world.store('aws', `queue/${POOL.region}`).size).toBe(0);
  });

  it('trap: a queue delivers at least once: what a page showed is deleted only by the next call', async () => {
    await spotMachine();
    aws.clouds.control.interrupt(1);
    const first = await poll();
    expect(first.notices).toHaveLength(2);
    // Hidden for a while, then there again for whoever comes without a cursor.
    expect((await poll()).notices).toEqual([]);
    await aws.clock.advance(121_000);
    const again = await poll(null, await subject.open());
    expect(again.notices.filter(({ kind }) => kind !== 'taken')).toEqual(first.notices);
    await poll(again.cursor);
    await aws.clock.advance(3_600_000);
    expect((await poll()).notices.filter(({ kind }) => kind !== 'taken')).toEqual([]);
  });

  it('trap: one queue that fails does not hold up the others, and its cursor stays', async () => {
    await spotMachine();
    aws.clouds.control.interrupt(1);
    const first = await poll();
    const warning = { 'detail-type': 'EC2 Spot Instance Interruption Warning', time: '2026-11-02T12:00:00Z' };
    await send(JSON.stringify({ ...warning, region: 'eu-west-1', detail: { 'instance-id': 'i-2' } }), 'eu-west-1');
    subject.fail('unavailable', '*', { region: POOL.region, remaining: null });
    const second = await poll(first.cursor);
    expect(second.error).toMatchObject({ kind: 'unavailable' });
    expect(second.notices.map(({ instanceId, region }) => [instanceId, region])).toEqual([['i-2', 'eu-west-1']]);
    const firstHandles = JSON.parse(first.cursor ?? '{}')[POOL.region];
    expect(JSON.parse(second.cursor ?? '{}')[POOL.region]).toEqual(firstHandles);
  });

  it('without a queue there is nothing to say, and nobody is asked', async () => {
    const { sqs: _sqs, ...endpoints } = aws.clouds.endpoints.aws;
    const before = aws.clouds.requests().length;
    const page = await poll(null, await subject.open({ endpoints }));
    expect(page).toEqual({ notices: [], cursor: null, error: null });
    expect(aws.clouds.requests()).toHaveLength(before);
  });

  it('a queue that does not exist is an error that names it', async () => {
    const url = `${aws.clouds.endpoints.aws['sqs']}/000000000000/other`;
    const wrong = await subject.open({ options: { interruptionQueues: { [POOL.region]: url } } });
    const { error } = await poll(null, wrong);
    expect(error).toMatchObject({ kind: 'invalid-request', code: 'QueueDoesNotExist' });
  });
});
