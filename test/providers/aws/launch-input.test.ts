import { describe, expect, it } from 'vitest';
import type { Pool } from '../../../src/domain/pool.ts';
import { runInstancesInput } from '../../../src/providers/aws/launch.ts';
import { readOptions } from '../../../src/providers/aws/settings.ts';
import type { LaunchRequest } from '../../../src/providers/provider.ts';

const POOL: Pool = {
  provider: 'aws',
  region: 'us-east-1',
  zone: 'us-east-1a',
  instanceType: 'p5.48xlarge',
  market: 'on-demand',
  reservation: null,
};

function request(changes: Partial<LaunchRequest> = {}): LaunchRequest {
  return {
    owner: 'us',
    idempotencyKey: 'key1',
    resend: false,
    accelerator: 'A10G',
    pool: POOL,
    count: 2,
    tags: { b: '2', a: '1' },
    userData: null,
    ...changes,
  };
}

describe('runInstancesInput', () => {
  it('depends on nothing but the attempt and the options', () => {
    const tags = [
      { Key: 'a', Value: '1' },
      { Key: 'b', Value: '2' },
      { Key: 'gpu-broker-owner', Value: 'us' },
      { Key: 'gpu-broker-attempt', Value: 'key1' },
    ];
    expect(runInstancesInput(readOptions({}), request())).toEqual({
      ClientToken: 'key1',
      MinCount: 1,
      MaxCount: 2,
      InstanceType: 'p5.48xlarge',
      ImageId: 'resolve:ssm:/aws/service/deeplearning/ami/x86_64/base-oss-nvidia-driver-gpu-ubuntu-22.04/latest/ami-id',
      Placement: { AvailabilityZone: 'us-east-1a' },
      CapacityReservationSpecification: { CapacityReservationPreference: 'none' },
      InstanceInitiatedShutdownBehavior: 'terminate',
      MetadataOptions: { HttpTokens: 'required', HttpEndpoint: 'enabled', HttpPutResponseHopLimit: 2 },
      TagSpecifications: [
        { ResourceType: 'instance', Tags: tags },
        { ResourceType: 'volume', Tags: tags },
        { ResourceType: 'network-interface', Tags: tags },
      ],
    });
    expect(runInstancesInput(readOptions({}), request({ tags: { a: '1', b: '2' } }))).toEqual(
      runInstancesInput(readOptions({}), request()),
    );
  });

  it('asks for spot that ends rather than stops', () => {
    const input = runInstancesInput(readOptions({}), request({ pool: { ...POOL, market: 'spot' } }));
    expect(input.InstanceMarketOptions).toEqual({
      MarketType: 'spot',
      SpotOptions: { SpotInstanceType: 'one-time', InstanceInterruptionBehavior: 'terminate' },
    });
    expect(input.CapacityReservationSpecification).toBeUndefined();
  });

  it('names the reservation, and the market type of a block', () => {
    const pool: Pool = { ...POOL, market: 'reserved', reservation: 'cr-1' };
    const inReservation = (isBlock: boolean) =>
      runInstancesInput(readOptions({}), request({ pool }), { id: 'cr-1', isBlock });
    const target = { CapacityReservationTarget: { CapacityReservationId: 'cr-1' } };
    expect(inReservation(false).CapacityReservationSpecification).toEqual(target);
    expect(inReservation(false).InstanceMarketOptions).toBeUndefined();
    expect(inReservation(true).CapacityReservationSpecification).toEqual(target);
    expect(inReservation(true).InstanceMarketOptions).toEqual({ MarketType: 'capacity-block' });
  });

  it.each([
    ['A10G', 'g5.xlarge', {}, '/x86_64/base-oss-nvidia-driver-gpu-ubuntu-22.04/'],
    ['T4G', 'g5g.xlarge', {}, '/arm64/base-oss-nvidia-driver-gpu-ubuntu-22.04/'],
    // NVIDIA's open driver does not know Volta.
    ['V100-16GB', 'p3.2xlarge', {}, '/x86_64/base-proprietary-nvidia-driver-gpu-ubuntu-22.04/'],
    ['A10G', 'g5.xlarge', { '*': { x86_64: 'ami-22222222' } }, 'ami-22222222'],
    ['A10G', 'g5.xlarge', { '*': { x86_64: 'ami-22222222', A10G: 'ami-33333333' } }, 'ami-33333333'],
    [
      'A10G',
      'g5.xlarge',
      { '*': { A10G: 'ami-33333333' }, 'us-east-1': { x86_64: 'ami-44444444', arm64: 'ami-55555555' } },
      'ami-44444444',
    ],
    ['A10G', 'g5.xlarge', { 'us-east-1': { A10G: 'ami-66666666', x86_64: 'ami-44444444' } }, 'ami-66666666'],
    ['A10G', 'g5.xlarge', { 'eu-west-1': { A10G: 'ami-66666666' } }, '/x86_64/base-oss-'],
  ])('image for %s on %s with %o: %s', (accelerator, instanceType, images, image) => {
    const wanted = request({ accelerator, pool: { ...POOL, instanceType } });
    expect(runInstancesInput(readOptions({ images }), wanted).ImageId).toContain(image);
  });

  it('passes user data on in base64', () => {
    const { UserData = '' } = runInstancesInput(readOptions({}), request({ userData: '#!/bin/sh\necho ü' }));
    expect(Buffer.from(UserData, 'base64').toString('utf8')).toBe('#!/bin/sh\necho ü');
  });

  it('carries the options', () => {
    const options = readOptions({
      images: { 'us-east-1': { x86_64: 'ami-11111111' }, '*': { x86_64: 'ami-22222222', arm64: 'ami-33333333' } },
      subnets: { 'us-east-1a': 'subnet-1a' },
      securityGroups: { 'us-east-1': ['sg-1', 'sg-2'] },
      keyName: 'ops',
      iamInstanceProfile: 'arn:aws:iam::000000000000:instance-profile/gpu',
      diskGiB: 500,
      diskType: 'gp2',
    });
    const here = runInstancesInput(options, request());
    expect(here).toMatchObject({
      ImageId: 'ami-11111111',
      SubnetId: 'subnet-1a',
      SecurityGroupIds: ['sg-1', 'sg-2'],
      KeyName: 'ops',
      IamInstanceProfile: { Arn: 'arn:aws:iam::000000000000:instance-profile/gpu' },
      BlockDeviceMappings: [
        { DeviceName: '/dev/sda1', Ebs: { VolumeSize: 500, VolumeType: 'gp2', DeleteOnTermination: true } },
      ],
    });
    const pool = { ...POOL, region: 'eu-west-1', zone: 'eu-west-1a' };
    const elsewhere = runInstancesInput(options, request({ pool }));
    expect(elsewhere).toMatchObject({ ImageId: 'ami-22222222', Placement: { AvailabilityZone: 'eu-west-1a' } });
    expect(elsewhere.SubnetId).toBeUndefined();
    expect(elsewhere.SecurityGroupIds).toBeUndefined();
    expect(runInstancesInput(options, request({ pool: { ...pool, instanceType: 'g5g.xlarge' } })).ImageId).toBe(
      'ami-33333333',
    );
    expect(runInstancesInput({ ...options, iamInstanceProfile: 'gpu' }, request()).IamInstanceProfile).toEqual({
      Name: 'gpu',
    });
  });

  it.each<[string, Partial<LaunchRequest>]>([
    ['belongs to gcp', { pool: { ...POOL, provider: 'gcp' } }],
    ['names no zone', { pool: { ...POOL, zone: null } }],
    ['names its reservation', { pool: { ...POOL, market: 'reserved', reservation: null } }],
    ['names its reservation', { pool: { ...POOL, reservation: 'cr-1' } }],
    ['0 machines', { count: 0 }],
    ['1.5 machines', { count: 1.5 }],
  ])('refuses what EC2 cannot do: %s', (message, changes) => {
    expect(() => runInstancesInput(readOptions({}), request(changes))).toThrow(message);
  });
});

describe('readOptions', () => {
  it.each<[Record<string, unknown>, string]>([
    [{ image: {} }, 'aws: options: unknown: image; allowed: images, subnets, securityGroups, keyName'],
    [
      { images: { 'us-east-1': { x86_64: 'ubuntu' } } },
      'aws: options.images.us-east-1.x86_64: must be an AMI id (ami-…) or resolve:ssm:<parameter>',
    ],
    [
      { images: { 'us-east-1': { x86: 'ami-11111111' } } },
      'options.images.us-east-1: unknown: x86; allowed: x86_64, arm64, T4',
    ],
    [{ interruptionQueues: { 'us-east-1': 'my-queue' } }, 'options.interruptionQueues.us-east-1: must be the URL of'],
    [{ diskType: 'st1' }, 'options.diskType: Invalid option: expected one of "gp3"'],
    [{ subnets: { 'us-east-1a': 'net' } }, 'options.subnets.us-east-1a: must be a subnet id (subnet-…)'],
    [{ securityGroups: { 'us-east-1': [] } }, 'options.securityGroups.us-east-1:'],
    [{ diskGiB: 1 }, 'options.diskGiB:'],
    [{ instancesPerPage: 4, keyName: '' }, 'options.instancesPerPage:'],
    [{ instancesPerPage: 4, keyName: '' }, 'options.keyName:'],
  ])('%o → %s', (options, message) => {
    expect(() => readOptions(options)).toThrow(message);
  });
});
