import type { DescribeInstancesCommandInput, RunInstancesCommandInput } from '@aws-sdk/client-ec2';
import {
  DescribeInstancesCommand,
  paginateDescribeInstances,
  RunInstancesCommand,
  TerminateInstancesCommand,
} from '@aws-sdk/client-ec2';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { parseUsd } from '../../../src/domain/money.ts';
import type { AwsClouds } from './aws-clouds.ts';
import { EVERY_POOL, IMAGE, refusal, startAws } from './aws-clouds.ts';

let aws: AwsClouds;

beforeEach(async () => {
  aws = await startAws();
});
afterEach(async () => {
  await aws.close();
});

function request(changes: Partial<RunInstancesCommandInput> = {}): RunInstancesCommandInput {
  return {
    ImageId: IMAGE,
    InstanceType: 'g5.xlarge',
    MinCount: 1,
    MaxCount: 1,
    ClientToken: 'token-1',
    Placement: { AvailabilityZone: 'us-east-1a' },
    ...changes,
  };
}

function run(changes: Partial<RunInstancesCommandInput> = {}, region = 'us-east-1') {
  return aws.ec2(region).send(new RunInstancesCommand(request(changes)));
}

async function idsOf(answer: ReturnType<typeof run>): Promise<string[]> {
  return ((await answer).Instances ?? []).map(({ InstanceId }) => InstanceId ?? '');
}

const SPOT = { InstanceMarketOptions: { MarketType: 'spot' } } as const;

describe('RunInstances', () => {
  it('starts what was asked for and tells it back', async () => {
    const answer = await run({
      MaxCount: 2,
      MinCount: 2,
      UserData: Buffer.from('#cloud-config ü').toString('base64'),
      KeyName: 'key',
      SubnetId: 'subnet-1',
      SecurityGroupIds: ['sg-1'],
      BlockDeviceMappings: [{ DeviceName: '/dev/sda1', Ebs: { VolumeSize: 500 } }],
      TagSpecifications: [
        { ResourceType: 'instance', Tags: [{ Key: 'owner', Value: 'x' }] },
        { ResourceType: 'volume', Tags: [{ Key: 'disk', Value: 'y' }] },
      ],
    });
    expect(answer.Instances?.map(({ AmiLaunchIndex }) => AmiLaunchIndex)).toEqual([0, 1]);
    expect(answer.Instances?.[0]).toMatchObject({
      InstanceId: expect.stringMatching(/^i-[0-9a-f]{17}$/) as string,
      State: { Code: 0, Name: 'pending' },
      InstanceType: 'g5.xlarge',
      ClientToken: 'token-1',
      Placement: { AvailabilityZone: 'us-east-1a' },
      Tags: [{ Key: 'owner', Value: 'x' }],
      CpuOptions: { CoreCount: 2, ThreadsPerCore: 2 },
    });
    const [machine] = aws.clouds.world.machines('aws');
    expect(machine?.details).toMatchObject({ userData: '#cloud-config ü', volumeGiB: 500, volumeTags: { disk: 'y' } });
  });

  it('chooses a zone when none is named', async () => {
    aws.clouds.control.setFree({ ...EVERY_POOL, zone: 'us-east-1a' }, 0);
    const answer = await run({ Placement: undefined });
    expect(answer.Instances?.[0]?.Placement?.AvailabilityZone).not.toBe('us-east-1a');
  });

  it('gives fewer than MaxCount when the pool runs dry, but not fewer than MinCount', async () => {
    aws.clouds.control.setFree(EVERY_POOL, 2);
    expect(await idsOf(run({ MaxCount: 5 }))).toHaveLength(2);
    expect(await refusal(run({ MinCount: 1, ClientToken: 'token-2' }))).toContain('500 InsufficientInstanceCapacity');
  });

  it.each<[string, Partial<RunInstancesCommandInput>, string]>([
    ['no image', { ImageId: undefined }, '400 MissingParameter: The request must contain the parameter ImageId'],
    ['a bad image', { ImageId: 'img-1' }, '400 InvalidAMIID.Malformed: Invalid id: "img-1" (expecting "ami-...")'],
    [
      'an image for another architecture',
      { ImageId: 'resolve:ssm:/aws/arm64/ami-id' },
      "400 InvalidParameterValue: The architecture 'x86_64' of the specified instance type does not match the architecture 'arm64' of the specified AMI.",
    ],
    [
      'an unknown type',
      { InstanceType: 'm7i.large' },
      "400 InvalidParameterValue: Invalid value 'm7i.large' for InstanceType.",
    ],
    [
      'a foreign zone',
      { Placement: { AvailabilityZone: 'eu-west-1a' } },
      '400 InvalidParameterValue: Invalid availability zone: [eu-west-1a]',
    ],
    ['a bad subnet', { SubnetId: 'net' }, "400 InvalidSubnetID.NotFound: The subnet ID 'net' does not exist"],
    ['a bad group', { SecurityGroupIds: ['g'] }, "400 InvalidGroup.NotFound: The security group 'g' does not exist"],
    [
      'no machines',
      { MinCount: 0 },
      '400 InvalidParameterValue: Value (0) for parameter minCount is invalid. Expected a positive integer.',
    ],
    [
      'fewer at most than at least',
      { MinCount: 3, MaxCount: 2 },
      '400 InvalidParameterValue: Value (2) for parameter maxCount is invalid. It must not be below minCount.',
    ],
    [
      'user data that is no base64',
      { UserData: '#!/bin/sh' },
      '400 InvalidUserData.Malformed: Invalid BASE64 encoding of user data.',
    ],
    [
      'too much user data',
      { UserData: Buffer.alloc(16_385).toString('base64') },
      '400 InvalidParameterValue: User data is limited to 16384 bytes',
    ],
    [
      'a reserved tag',
      { TagSpecifications: [{ ResourceType: 'instance', Tags: [{ Key: 'aws:x', Value: '' }] }] },
      "400 InvalidParameterValue: Tag keys starting with 'aws:' are reserved for internal use",
    ],
    [
      'tags for what cannot have them',
      { TagSpecifications: [{ ResourceType: 'vpc', Tags: [] }] },
      "400 InvalidParameterValue: 'vpc' is not a valid taggable resource type for this operation.",
    ],
    [
      'a price that is none',
      { InstanceMarketOptions: { MarketType: 'spot', SpotOptions: { MaxPrice: 'cheap' } } },
      "400 InvalidParameterValue: Invalid value 'cheap' for spotPrice. It must be a positive decimal number.",
    ],
    [
      'what the emulator does not do',
      { LaunchTemplate: { LaunchTemplateName: 'x' } },
      '400 UnsupportedOperation: The emulated EC2 does not carry out the parameter LaunchTemplate',
    ],
    [
      'a token that is too long',
      { ClientToken: 'x'.repeat(65) },
      '400 InvalidParameterValue: The client token must have at most 64 characters',
    ],
    ['a dry run', { DryRun: true }, '412 DryRunOperation: Request would have succeeded, but DryRun flag is set.'],
  ])('refuses %s and starts nothing', async (_title, changes, answer) => {
    expect(await refusal(run(changes))).toBe(answer);
    expect(aws.clouds.world.machines('aws')).toEqual([]);
  });
});

describe('what EC2 refuses for want of something', () => {
  it('capacity, on demand and spot', async () => {
    aws.clouds.control.setFree(EVERY_POOL, 0);
    expect(await refusal(run())).toBe(
      '500 InsufficientInstanceCapacity: We currently do not have sufficient g5.xlarge capacity in the Availability Zone you requested (us-east-1a). ' +
        'Our system will be working on provisioning additional capacity. You can currently get g5.xlarge capacity by not specifying an ' +
        'Availability Zone in your request or choosing us-east-1b, us-east-1c, us-east-1d, us-east-1f.',
    );
    expect(await refusal(run(SPOT))).toBe(
      '500 InsufficientInstanceCapacity: There is no Spot capacity available that matches your request.',
    );
  });

  it('quota, on demand and spot', async () => {
    aws.clouds.control.setQuotaLimit('aws', 'us-east-1', 'L-DB2E81BA', 7);
    aws.clouds.control.setQuotaLimit('aws', 'us-east-1', 'L-3819A6DF', 3);
    expect(await idsOf(run())).toHaveLength(1);
    expect(await refusal(run({ ClientToken: 'token-2' }))).toContain(
      '400 VcpuLimitExceeded: You have requested more vCPU capacity than your current vCPU limit of 7 allows',
    );
    expect(await refusal(run(SPOT))).toBe(
      '400 IdempotentParameterMismatch: Arguments on this idempotent request are inconsistent with arguments used in previous request(s).',
    );
    expect(await refusal(run({ ...SPOT, ClientToken: 'token-3' }))).toBe(
      '400 MaxSpotInstanceCountExceeded: Max spot instance count exceeded',
    );
  });

  it('a price limit, named or implied', async () => {
    aws.clouds.control.setSpotPrice({ ...EVERY_POOL, region: 'us-east-1' }, parseUsd('0.5'));
    const limited = { InstanceMarketOptions: { MarketType: 'spot', SpotOptions: { MaxPrice: '0.4' } } } as const;
    expect(await refusal(run(limited))).toBe(
      '400 SpotMaxPriceTooLow: Your Spot request price of 0.40 is lower than the minimum required Spot request fulfillment price of 0.50.',
    );
    expect(await idsOf(run({ ...SPOT, ClientToken: 'token-2' }))).toHaveLength(1);
    // Spot never costs more than on demand.
    aws.clouds.control.setSpotPrice({ ...EVERY_POOL, region: 'us-east-1' }, parseUsd('1.10'));
    expect(await refusal(run({ ...SPOT, ClientToken: 'token-3' }))).toContain('400 SpotMaxPriceTooLow');
  });

  it('a zone that does not offer the type', async () => {
    expect(await refusal(run({ InstanceType: 'g4dn.xlarge', Placement: { AvailabilityZone: 'us-east-1e' } }))).toBe(
      '400 Unsupported: Your requested instance type (g4dn.xlarge) is not supported in your requested Availability Zone (us-east-1e). ' +
        'Please retry your request by not specifying an Availability Zone or choosing us-east-1a, us-east-1b, us-east-1c, us-east-1d, us-east-1f.',
    );
  });
});

describe('client tokens', () => {
  it('the same request again finds the same machines, as they are by then', async () => {
    const first = await idsOf(run({ MaxCount: 2 }));
    await aws.clock.advance(60_000);
    const again = await run({ MaxCount: 2 });
    expect(again.Instances?.map(({ InstanceId }) => InstanceId)).toEqual(first);
    expect(again.Instances?.map(({ State }) => State?.Name)).toEqual(['running', 'running']);
    expect(aws.clouds.world.machines('aws')).toHaveLength(2);
  });

  it('another request under the token is a mismatch', async () => {
    await run();
    expect(await refusal(run({ MaxCount: 2 }))).toContain('400 IdempotentParameterMismatch');
    expect(await refusal(run({ KeyName: 'k' }))).toContain('400 IdempotentParameterMismatch');
  });

  it('a token belongs to its region', async () => {
    await run();
    expect(await idsOf(run({ Placement: { AvailabilityZone: 'eu-west-1a' } }, 'eu-west-1'))).toHaveLength(1);
  });

  it('a refused request leaves the token free', async () => {
    aws.clouds.control.setFree(EVERY_POOL, 0);
    expect(await refusal(run())).toContain('InsufficientInstanceCapacity');
    aws.clouds.control.setFree(EVERY_POOL, 5);
    expect(await idsOf(run())).toHaveLength(1);
  });

  it('a token whose machines have ended is spent, for a day', async () => {
    const InstanceIds = await idsOf(run());
    await aws.ec2().send(new TerminateInstancesCommand({ InstanceIds }));
    expect((await run()).Instances?.[0]?.State?.Name).toBe('shutting-down');
    await aws.clock.advance(60_000);
    expect(await refusal(run())).toContain('400 IdempotentInstanceTerminated');
    await aws.clock.advance(20 * 3_600_000);
    expect(await refusal(run())).toContain('400 IdempotentInstanceTerminated');
    await aws.clock.advance(4 * 3_600_000);
    expect(await idsOf(run())).not.toEqual(InstanceIds);
  });
});

describe('DescribeInstances', () => {
  async function find(input: DescribeInstancesCommandInput): Promise<string[]> {
    const { Reservations = [] } = await aws.ec2().send(new DescribeInstancesCommand(input));
    return Reservations.flatMap(({ Instances = [] }) => Instances.map(({ InstanceId }) => InstanceId ?? ''));
  }
  const by = (Name: string, ...Values: string[]) => find({ Filters: [{ Name, Values }] });

  it('finds by tag, token, state, type, zone and market', async () => {
    const tagged = {
      TagSpecifications: [{ ResourceType: 'instance' as const, Tags: [{ Key: 'team', Value: 'red' }] }],
    };
    const [a = ''] = await idsOf(run(tagged));
    const [b = ''] = await idsOf(
      run({ ...SPOT, ClientToken: 'token-2', Placement: { AvailabilityZone: 'us-east-1b' } }),
    );
    await aws.clock.advance(60_000);
    await aws.ec2().send(new TerminateInstancesCommand({ InstanceIds: [b] }));
    expect(await by('tag:team', 'red')).toEqual([a]);
    expect(await by('tag:team', 'blue')).toEqual([]);
    expect(await by('tag-key', 'team')).toEqual([a]);
    expect(await by('client-token', 'token-2')).toEqual([b]);
    expect(await by('instance-state-name', 'running')).toEqual([a]);
    expect(await by('instance-state-name', 'shutting-down')).toEqual([b]);
    expect(await by('instance-lifecycle', 'spot')).toEqual([b]);
    expect(await by('availability-zone', 'us-east-1b')).toEqual([b]);
    expect(await by('instance-type', 'g5.*')).toEqual([a, b]);
    expect(await refusal(by('colour', 'red'))).toContain("The filter 'colour' is invalid");
  });

  it('pages through machines and keeps reservations together within a page', async () => {
    await run({ MaxCount: 8 });
    await run({ MaxCount: 4, ClientToken: 'token-2' });
    const sizes: number[] = [];
    const ids = new Set<string>();
    for await (const page of paginateDescribeInstances({ client: aws.ec2(), pageSize: 5 }, {})) {
      const instances = (page.Reservations ?? []).flatMap(({ Instances = [] }) => Instances);
      sizes.push(instances.length);
      for (const { InstanceId } of instances) ids.add(InstanceId ?? '');
    }
    expect(sizes).toEqual([5, 5, 2]);
    expect(ids.size).toBe(12);
    expect(await refusal(find({ MaxResults: 4 }))).toContain('400 InvalidParameterValue');
    expect(await refusal(find({ NextToken: 'x' }))).toContain('400 InvalidNextToken');
  });

  it('answers for all ids or none', async () => {
    const [id = ''] = await idsOf(run());
    expect(await find({ InstanceIds: [id] })).toEqual([id]);
    const unknown = ['i-0fffffffffffffff0', 'i-0fffffffffffffff1'];
    expect(await refusal(find({ InstanceIds: [id, unknown[0] ?? ''] }))).toBe(
      "400 InvalidInstanceID.NotFound: The instance ID 'i-0fffffffffffffff0' does not exist",
    );
    expect(await refusal(find({ InstanceIds: unknown }))).toBe(
      "400 InvalidInstanceID.NotFound: The instance IDs 'i-0fffffffffffffff0, i-0fffffffffffffff1' do not exist",
    );
    expect(await refusal(find({ InstanceIds: ['vm-1'] }))).toBe('400 InvalidInstanceID.Malformed: Invalid id: "vm-1"');
  });

  it('keeps to the region', async () => {
    const InstanceIds = await idsOf(run({ Placement: { AvailabilityZone: 'eu-west-1a' } }, 'eu-west-1'));
    expect(await find({})).toEqual([]);
    expect(await refusal(find({ InstanceIds }))).toContain('400 InvalidInstanceID.NotFound');
  });

  it('shows young machines late', async () => {
    aws.clouds.control.setVisibilityDelayMs('aws', 5_000);
    const InstanceIds = await idsOf(run());
    expect(await find({})).toEqual([]);
    expect(await refusal(find({ InstanceIds }))).toContain('400 InvalidInstanceID.NotFound');
    await aws.clock.advance(5_000);
    expect(await find({ InstanceIds })).toEqual(InstanceIds);
  });

  it('says why a machine ended', async () => {
    const [a = '', b = ''] = await idsOf(run({ ...SPOT, MaxCount: 2 }));
    await aws.clock.advance(60_000);
    const machines = aws.clouds.world.machines('aws');
    aws.clouds.control.interrupt(machines[0]?.serial ?? 0);
    await aws.ec2().send(new TerminateInstancesCommand({ InstanceIds: [b] }));
    await aws.clock.advance(180_000);
    const { Reservations = [] } = await aws.ec2().send(new DescribeInstancesCommand({ InstanceIds: [a, b] }));
    const ended = Reservations.flatMap(({ Instances = [] }) => Instances).map(({ State, StateReason }) => [
      State?.Name,
      StateReason?.Code,
    ]);
    expect(ended).toEqual([
      ['terminated', 'Server.SpotInstanceTermination'],
      ['terminated', 'Client.UserInitiatedShutdown'],
    ]);
  });
});

describe('TerminateInstances', () => {
  it('ends machines, again and again', async () => {
    const InstanceIds = await idsOf(run());
    const terminate = async () => {
      const answer = await aws.ec2().send(new TerminateInstancesCommand({ InstanceIds }));
      const [change] = answer.TerminatingInstances ?? [];
      return [change?.PreviousState?.Name, change?.CurrentState?.Name];
    };
    expect(await terminate()).toEqual(['pending', 'shutting-down']);
    expect(await terminate()).toEqual(['shutting-down', 'shutting-down']);
    await aws.clock.advance(60_000);
    expect(await terminate()).toEqual(['terminated', 'terminated']);
  });

  it('one bad id saves the whole batch', async () => {
    const [id = ''] = await idsOf(run());
    const InstanceIds = [id, 'i-0fffffffffffffff0'];
    expect(await refusal(aws.ec2().send(new TerminateInstancesCommand({ InstanceIds })))).toContain(
      '400 InvalidInstanceID.NotFound',
    );
    expect(aws.clouds.world.machines('aws').map((machine) => aws.clouds.world.stateOf(machine))).toEqual(['pending']);
  });
});
