/** What the emulated EC2 does beside carrying out: reads that lag, permissions, dry runs, errors by order, parts. */
import type { RunInstancesCommandInput } from '@aws-sdk/client-ec2';
import {
  DeleteVolumeCommand,
  DescribeInstancesCommand,
  DescribeNetworkInterfacesCommand,
  DescribeVolumesCommand,
  PurchaseCapacityBlockCommand,
  RunInstancesCommand,
  TerminateInstancesCommand,
} from '@aws-sdk/client-ec2';
import { GetServiceQuotaCommand, ServiceQuotasClient } from '@aws-sdk/client-service-quotas';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { AwsClouds } from './aws-clouds.ts';
import { CREDENTIALS, IMAGE, refusal, startAws } from './aws-clouds.ts';

const LAUNCH: RunInstancesCommandInput = {
  ImageId: IMAGE,
  InstanceType: 'g5.xlarge',
  MinCount: 1,
  MaxCount: 1,
  Placement: { AvailabilityZone: 'us-east-1a' },
};

let aws: AwsClouds;

beforeEach(async () => {
  aws = await startAws();
});
afterEach(async () => {
  await aws.close();
});

async function launch(changes: Partial<RunInstancesCommandInput> = {}): Promise<string> {
  const { Instances: instances = [] } = await aws.ec2().send(new RunInstancesCommand({ ...LAUNCH, ...changes }));
  return instances[0]?.InstanceId ?? '';
}

async function stateOf(id: string): Promise<string | undefined> {
  const answer = await aws.ec2().send(new DescribeInstancesCommand({ InstanceIds: [id] }));
  return answer.Reservations?.[0]?.Instances?.[0]?.State?.Name;
}

describe('reads that lag', () => {
  it('do not know a young machine, and do not know yet that one was ended', async () => {
    aws.clouds.control.setVisibilityDelayMs('aws', 5_000);
    const id = await launch();
    const unknown = /^400 InvalidInstanceID.NotFound/;
    expect(await refusal(stateOf(id))).toMatch(unknown);
    expect(await refusal(aws.ec2().send(new TerminateInstancesCommand({ InstanceIds: [id] })))).toMatch(unknown);
    await aws.clock.advance(10_000);
    expect(await stateOf(id)).toBe('running');
    await aws.ec2().send(new TerminateInstancesCommand({ InstanceIds: [id] }));
    expect(await stateOf(id)).toBe('running');
    await aws.clock.advance(5_000);
    expect(await stateOf(id)).toBe('shutting-down');
    await aws.clock.advance(5_000);
    expect(await stateOf(id)).toBe('terminated');
  });
});

describe('permissions and dry runs', () => {
  it('a dry run says that it would have worked, and does nothing', async () => {
    const would = /^412 DryRunOperation/;
    expect(await refusal(aws.ec2().send(new RunInstancesCommand({ ...LAUNCH, DryRun: true })))).toMatch(would);
    const id = await launch();
    const end = new TerminateInstancesCommand({ InstanceIds: [id], DryRun: true });
    expect(await refusal(aws.ec2().send(end))).toMatch(would);
    expect(aws.clouds.world.machines('aws').map((machine) => aws.clouds.world.stateOf(machine))).toEqual(['pending']);
  });

  it('a permission that is missing is named, in a dry run too', async () => {
    aws.clouds.control.setDenied('aws', ['ec2:RunInstances']);
    const denied = /^403 UnauthorizedOperation: .*not authorized to perform: ec2:RunInstances/;
    expect(await refusal(launch())).toMatch(denied);
    expect(await refusal(aws.ec2().send(new RunInstancesCommand({ ...LAUNCH, DryRun: true })))).toMatch(denied);
    aws.clouds.control.setDenied('aws', ['ec2:CreateTags']);
    const Tags = [{ Key: 'a', Value: 'b' }];
    expect(await refusal(launch({ TagSpecifications: [{ ResourceType: 'volume', Tags }] }))).toMatch(
      /perform: ec2:CreateTags/,
    );
    expect(await launch()).toMatch(/^i-/);
  });

  it('a JSON service says AccessDeniedException', async () => {
    aws.clouds.control.setDenied('aws', ['servicequotas:*']);
    const client = new ServiceQuotasClient({
      region: 'us-east-1',
      endpoint: aws.clouds.endpoints.aws['service-quotas'] ?? '',
      credentials: CREDENTIALS,
      maxAttempts: 1,
    });
    const asked = client.send(new GetServiceQuotaCommand({ ServiceCode: 'ec2', QuotaCode: 'L-DB2E81BA' }));
    expect(await refusal(asked)).toMatch(/^400 AccessDeniedException: .*servicequotas:GetServiceQuota/);
    client.destroy();
  });
});

describe('errors by order', () => {
  it('what is to fail later elsewhere fails at once here', async () => {
    aws.clouds.control.addFault({
      ...{ id: 'f', cloud: 'aws', operation: 'RunInstances', region: null, kind: 'vendor-error', delayMs: 0 },
      ...{ remaining: 1, probability: 1 },
      vendorError: { status: 500, code: 'InsufficientInstanceCapacity', message: 'none left', asynchronous: true },
    });
    expect(await refusal(launch())).toBe('500 InsufficientInstanceCapacity: none left');
    expect(aws.clouds.world.machines('aws')).toEqual([]);
  });

  it('a rate limit is of one action in one region', async () => {
    aws.clouds.control.setRateLimit('aws', 'RunInstances', { capacity: 1, refillPerSecond: 0 });
    await launch();
    expect(await refusal(launch())).toMatch(/^503 RequestLimitExceeded/);
    expect(await stateOf('i-00000000000000001')).toBe('pending');
    expect((await aws.ec2('eu-west-1').send(new DescribeInstancesCommand({}))).Reservations).toEqual([]);
  });
});

describe('parts', () => {
  it('come with a machine, with the tags given for them, and end with it unless told otherwise', async () => {
    const Tags = [{ Key: 'owner', Value: 'us' }];
    const TagSpecifications = [
      { ResourceType: 'volume', Tags },
      { ResourceType: 'network-interface', Tags },
    ] as const;
    const id = await launch({ TagSpecifications: [...TagSpecifications] });
    const Ebs = { VolumeSize: 9, DeleteOnTermination: false };
    const other = await launch({ BlockDeviceMappings: [{ DeviceName: '/dev/sda1', Ebs }] });
    const filter = { Filters: [{ Name: 'tag:owner', Values: ['us'] }] };
    const { Volumes: tagged = [] } = await aws.ec2().send(new DescribeVolumesCommand(filter));
    expect(tagged.map(({ State, Attachments }) => [State, Attachments?.[0]?.InstanceId])).toEqual([['in-use', id]]);
    const { NetworkInterfaces: nets = [] } = await aws.ec2().send(new DescribeNetworkInterfacesCommand(filter));
    expect(nets.map(({ Status }) => Status)).toEqual(['in-use']);
    await aws.ec2().send(new TerminateInstancesCommand({ InstanceIds: [id, other] }));
    await aws.clock.advance(60_000);
    const { Volumes: left = [] } = await aws.ec2().send(new DescribeVolumesCommand({}));
    expect(left.map(({ State, Size }) => [State, Size])).toEqual([['available', 9]]);
    await aws.ec2().send(new DeleteVolumeCommand({ VolumeId: left[0]?.VolumeId ?? '' }));
    expect(aws.clouds.world.parts('aws')).toEqual([]);
  });

  it('unknown ids, malformed ids and offerings that nobody made are refused', async () => {
    const remove = (id: string) => refusal(aws.ec2().send(new DeleteVolumeCommand({ VolumeId: id })));
    expect(await remove('vol-0123456789abcdef0')).toMatch(/^400 InvalidVolume.NotFound/);
    expect(await remove('disk')).toMatch(/^400 InvalidVolume.Malformed/);
    const buy = { CapacityBlockOfferingId: 'cb-0123456789abcdef0', InstancePlatform: 'Linux/UNIX' } as const;
    expect(await refusal(aws.ec2().send(new PurchaseCapacityBlockCommand(buy)))).toMatch(/^400 InvalidParameterValue/);
  });
});
