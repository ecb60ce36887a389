/** What the adapter sends, what it says that it needs, and the policy file: the same, no more and no less. */
import { readFile } from 'node:fs/promises';
import path from 'node:path';
import { describe, expect, it } from 'vitest';
import type { Pool } from '../../../src/domain/pool.ts';
import { PERMISSIONS } from '../../../src/providers/aws/permissions.ts';
import { policyDocument } from '../../../src/providers/aws/policy.ts';
import type { AccessCheck, Provider } from '../../../src/providers/provider.ts';
import type { AwsClouds } from '../../emulators/ec2/aws-clouds.ts';
import type { AwsSubject } from './aws-subject.ts';
import { byKey, CALL, POOL, REGIONS, request, subjectForEachTest } from './aws-subject.ts';

const POLICY_FILE = path.resolve(import.meta.dirname, '../../../config/permissions/aws-policy.json');

let subject: AwsSubject;
let aws: AwsClouds;
let provider: Provider;

subjectForEachTest((fresh) => {
  subject = fresh;
  ({ aws, provider } = fresh);
});

/** Everything that the contract has, each on its plain path. */
async function driveEverything(): Promise<void> {
  const { control, world } = aws.clouds;
  // A limit that the account never had of its own is looked up among AWS's.
  const notItsOwn = { status: 400, code: 'NoSuchResourceException', message: 'no', asynchronous: false };
  subject.fail('vendor-error', 'GetServiceQuota', { vendorError: notItsOwn });
  const query = { owner: 'us', regions: REGIONS };
  await provider.listOffers(query, CALL);
  await provider.listQuotas(query, CALL);
  await provider.launch(request(), CALL);
  await provider.launch(request({ resend: true }), CALL);
  control.addReservation({
    ...{ id: 'cr-1', cloud: 'aws', region: POOL.region, zone: 'us-east-2a', instanceType: 'g5.xlarge', count: 2 },
    ...{ kind: 'open', startAt: 0, endAt: null, tags: {}, details: {} },
  });
  const reserved: Pool = { ...POOL, market: 'reserved', reservation: 'cr-1' };
  await provider.launch(request({ pool: reserved, idempotencyKey: 'key2' }), CALL);
  const spot: Pool = { ...POOL, market: 'spot' };
  await provider.launch(request({ pool: spot, idempotencyKey: 'key3' }), CALL);
  await provider.getInstance(byKey(), CALL);
  await provider.listOwned(query, CALL);
  await aws.clock.advance(60_000);
  control.setStrandsParts('aws', true);
  await provider.terminate(byKey(), CALL);
  await aws.clock.advance(60_000);
  world.addPart({
    ...{ cloud: 'aws', region: POOL.region, zone: null, kind: 'address', name: 'eipalloc-00000001', machine: null },
    ...{ life: 'until-removed', tags: { 'gpu-broker-owner': 'us' }, details: {} },
  });
  for (const left of (await provider.listLeftovers(query, CALL)).leftovers) await provider.removeLeftover(left, CALL);
  await provider.adviseCapacity?.({ pools: [{ pool: spot, count: 1 }] }, CALL);
  const page = await provider.pollInterruptions?.(null, CALL);
  await provider.pollInterruptions?.(page?.cursor ?? null, CALL);
  const [block] =
    (await provider.listCapacityBlocks?.(
      {
        ...{ region: POOL.region, instanceType: 'p4d.24xlarge', machineCount: 1, durationHours: 24 },
        ...{ startAfter: null, startBefore: null },
      },
      CALL,
    )) ?? [];
  if (block === undefined) throw new Error('no block is for sale');
  await provider.buyCapacityBlock?.({ owner: 'us', idempotencyKey: 'buy', block }, CALL);
  await provider.findCapacityBlockPurchase?.(POOL.region, 'buy', CALL);
}

const NEEDED_BY_TABLE = new Set(PERMISSIONS.flatMap(({ operations }) => operations));

describe('permissions', () => {
  it('the adapter sends exactly the operations that the table names', async () => {
    await driveEverything();
    expect(new Set(aws.clouds.requests().map(({ operation }) => operation))).toEqual(NEEDED_BY_TABLE);
    expect(new Set(PERMISSIONS.map(({ permission }) => permission)).size).toBe(PERMISSIONS.length);
  });

  it('every part of a launch that the table names is refused without it', async () => {
    const inLaunch = PERMISSIONS.filter(({ within }) => within === 'RunInstances');
    const withProfile = await subject.open({ options: { iamInstanceProfile: 'gpu-broker-machine' } });
    for (const { permission } of inLaunch) {
      aws.clouds.control.setDenied('aws', [permission]);
      await expect(withProfile.launch(request(), CALL)).rejects.toMatchObject({ kind: 'unauthorized' });
    }
    aws.clouds.control.setDenied('aws', []);
    expect((await withProfile.launch(request(), CALL)).instances).toHaveLength(1);
    expect(inLaunch.map(({ permission }) => permission)).toEqual([
      'ec2:CreateTags',
      'ssm:GetParameters',
      'iam:PassRole',
    ]);
  });

  it('the policy file allows exactly the table (after a change: node src/providers/aws/write-policy.ts)', async () => {
    const document = policyDocument();
    const allowed = document.Statement.flatMap(({ Action: actions }) => actions);
    expect(new Set(allowed)).toEqual(new Set(PERMISSIONS.map(({ permission }) => permission)));
    expect(JSON.parse(await readFile(POLICY_FILE, 'utf8'))).toEqual(document);
    // Whatever ends or buys something is limited: by the owner's tag, or to what does not exist.
    for (const { Sid: sid, Resource: resources, Condition: condition } of document.Statement) {
      if (/^(End|Buy|Tag)/.test(sid) && sid !== 'EndNothing') expect(condition, sid).toBeDefined();
      if (sid === 'EndNothing') for (const resource of resources) expect(resource).toMatch(/-0{17}$/);
    }
  });
});

describe('checkAccess', () => {
  async function outcomes(checked: Provider = provider): Promise<Readonly<Record<string, AccessCheck['outcome']>>> {
    const checks = await checked.checkAccess(CALL);
    return Object.fromEntries(checks.map(({ permission, outcome }) => [permission, outcome]));
  }

  it('tries the permission to pass a profile only where one is configured', async () => {
    expect(await outcomes()).not.toHaveProperty('iam:PassRole');
    const withProfile = await subject.open({ options: { iamInstanceProfile: 'arn:aws:iam::0:instance-profile/m' } });
    expect(await outcomes(withProfile)).toHaveProperty('iam:PassRole', 'allowed');
    aws.clouds.control.setDenied('aws', ['iam:PassRole']);
    const checks = await withProfile.checkAccess(CALL);
    expect(checks.filter(({ outcome }) => outcome !== 'allowed')).toMatchObject([
      { permission: 'iam:PassRole', outcome: 'missing', required: true },
    ]);
  });

  it('a launch that may not be made says nothing about the profile', async () => {
    const withProfile = await subject.open({ options: { iamInstanceProfile: 'm' } });
    aws.clouds.control.setDenied('aws', ['ec2:RunInstances']);
    expect(await outcomes(withProfile)).toMatchObject({
      'ec2:RunInstances': 'missing',
      'iam:PassRole': 'unknown',
      'ec2:CreateTags': 'allowed',
    });
  });

  it('hides no message from whoever reads the queue next, and deletes none', async () => {
    const { instances } = await provider.launch(request({ pool: { ...POOL, market: 'spot' } }), CALL);
    await aws.clock.advance(60_000);
    aws.clouds.control.interrupt(1);
    await provider.checkAccess(CALL);
    const page = await provider.pollInterruptions?.(null, CALL);
    expect(page?.notices.map(({ instanceId }) => instanceId)).toContain(instances[0]?.ref.instanceId);
  });

  it('a queue that does not exist is unknown, not allowed', async () => {
    const url = `${aws.clouds.endpoints.aws['sqs']}/000000000000/other`;
    const wrong = await subject.open({ options: { interruptionQueues: { [POOL.region]: url } } });
    expect(await outcomes(wrong)).toMatchObject({ 'sqs:ReceiveMessage': 'unknown', 'ec2:RunInstances': 'allowed' });
  });

  it('credentials that AWS does not know are unknown, in its words', async () => {
    subject.fail('unauthorized', 'Describe*', { remaining: null });
    const checks = await provider.checkAccess(CALL);
    const described = checks.filter(({ permission }) => permission.startsWith('ec2:Describe'));
    for (const { outcome, message } of described) {
      expect(outcome).toBe('unknown');
      expect(message).toContain('not able to validate');
    }
    expect(described.length).toBeGreaterThan(5);
  });
});
