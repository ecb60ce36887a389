import type { DescribeInstanceTypesCommandInput, DescribeSpotPriceHistoryCommandInput } from '@aws-sdk/client-ec2';
import {
  DescribeAvailabilityZonesCommand,
  DescribeInstanceTypeOfferingsCommand,
  DescribeInstanceTypesCommand,
  DescribeRegionsCommand,
  DescribeSpotPriceHistoryCommand,
  DescribeVpcsCommand,
  EC2Client,
  paginateDescribeInstanceTypes,
  paginateDescribeSpotPriceHistory,
} from '@aws-sdk/client-ec2';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { formatUsd } from '../../../src/domain/money.ts';
import type { AwsClouds } from './aws-clouds.ts';
import { refusal, STARTED_AT, startAws } from './aws-clouds.ts';

const HOUR_MS = 3_600_000;
let aws: AwsClouds;

beforeEach(async () => {
  aws = await startAws();
});
afterEach(async () => {
  await aws.close();
});

describe('regions and zones', () => {
  it('names the regions, and those asked for', async () => {
    const { Regions: all = [] } = await aws.ec2().send(new DescribeRegionsCommand({}));
    expect(all.length).toBe(aws.clouds.world.facts('aws').regions.length);
    const one = await aws.ec2().send(new DescribeRegionsCommand({ RegionNames: ['eu-north-1'] }));
    expect(one.Regions?.map(({ RegionName }) => RegionName)).toEqual(['eu-north-1']);
    expect(await refusal(aws.ec2().send(new DescribeRegionsCommand({ RegionNames: ['moon-1'] })))).toBe(
      '400 InvalidParameterValue: Invalid region names: [moon-1]',
    );
  });

  it('takes the region from the signature', async () => {
    const zones = async (region: string) => {
      const answer = await aws.ec2(region).send(new DescribeAvailabilityZonesCommand({}));
      return answer.AvailabilityZones?.map(({ ZoneName, ZoneId }) => `${ZoneName} ${ZoneId}`);
    };
    expect(await zones('us-east-2')).toEqual(['us-east-2a use2-az1', 'us-east-2b use2-az2', 'us-east-2c use2-az3']);
    expect(await zones('eu-west-1')).toEqual(['eu-west-1a euw1-az3', 'eu-west-1b euw1-az1', 'eu-west-1c euw1-az2']);
    expect(await refusal(aws.ec2('moon-1').send(new DescribeRegionsCommand({})))).toBe(
      '401 AuthFailure: Credential should be scoped to a valid region.',
    );
  });

  it('refuses who does not sign, and what it does not do', async () => {
    const url = aws.clouds.endpoints.aws['ec2'] ?? '';
    const unsigned = await fetch(url, { method: 'POST', body: 'Action=DescribeRegions&Version=2016-11-15' });
    expect(unsigned.status).toBe(400);
    expect(await unsigned.text()).toContain('<Code>MissingParameter</Code>');
    expect(await refusal(aws.ec2().send(new DescribeVpcsCommand({})))).toBe(
      '400 InvalidAction: The action DescribeVpcs is not valid for this web service.',
    );
  });

  it('writes every request down', async () => {
    await aws.ec2('eu-west-1').send(new DescribeRegionsCommand({}));
    expect(aws.clouds.requests()).toEqual([
      expect.objectContaining({
        cloud: 'aws',
        service: 'ec2',
        operation: 'DescribeRegions',
        region: 'eu-west-1',
        mutating: false,
        status: 200,
        userAgent: expect.stringContaining('aws-sdk-js') as string,
      }),
    ]);
  });
});

describe('instance types', () => {
  it('describes shapes, page by page', async () => {
    const types = [];
    let pages = 0;
    for await (const page of paginateDescribeInstanceTypes({ client: aws.ec2(), pageSize: 5 }, {})) {
      types.push(...(page.InstanceTypes ?? []));
      pages += 1;
    }
    expect(pages).toBe(Math.ceil(types.length / 5));
    expect(new Set(types.map(({ InstanceType }) => InstanceType)).size).toBe(types.length);
    expect(types.find(({ InstanceType }) => InstanceType === 'p4de.24xlarge')).toMatchObject({
      SupportedUsageClasses: ['on-demand', 'spot'],
      VCpuInfo: { DefaultVCpus: 96 },
      MemoryInfo: { SizeInMiB: 1_179_648 },
      ProcessorInfo: { SupportedArchitectures: ['x86_64'] },
      GpuInfo: { Gpus: [{ Name: 'A100', Count: 8, MemoryInfo: { SizeInMiB: 81_920 } }], TotalGpuMemoryInMiB: 655_360 },
      InstanceStorageInfo: { TotalSizeInGB: 8000 },
    });
    // Neighbours that nobody who wants whole GPUs may buy.
    expect(types.find(({ InstanceType }) => InstanceType === 'm7i.large')?.GpuInfo).toBeUndefined();
    expect(types.find(({ InstanceType }) => InstanceType === 'g6f.xlarge')?.GpuInfo?.Gpus?.[0]?.Count).toBe(0);
  });

  it('lists only what a region sells', async () => {
    const names = async (region: string) => {
      const answer = await aws
        .ec2(region)
        .send(new DescribeInstanceTypesCommand({ Filters: [{ Name: 'instance-type', Values: ['p5*'] }] }));
      return answer.InstanceTypes?.map(({ InstanceType }) => InstanceType);
    };
    expect(await names('us-east-1')).toContain('p5.48xlarge');
    expect(await names('eu-west-1')).toEqual([]);
  });

  it('refuses unknown types, filters and page sizes', async () => {
    const send = (input: DescribeInstanceTypesCommandInput) =>
      refusal(aws.ec2().send(new DescribeInstanceTypesCommand(input)));
    expect(await send({ InstanceTypes: ['m7i.large', 'p4d.large' as 'p4d.24xlarge'] })).toBe(
      '400 InvalidInstanceType: The following supplied instance types do not exist: [p4d.large]',
    );
    expect(await send({ Filters: [{ Name: 'colour', Values: ['red'] }] })).toContain("The filter 'colour' is invalid");
    expect(await send({ MaxResults: 101 })).toContain('Expecting a value between 5 and 100');
    expect(await send({ InstanceTypes: ['m7i.large'], MaxResults: 5 })).toContain('400 InvalidParameterCombination');
  });

  it('names the places that offer a type, in three ways', async () => {
    const locations = async (LocationType: 'region' | 'availability-zone' | 'availability-zone-id') => {
      const Filters = [{ Name: 'instance-type', Values: ['p4d.24xlarge'] }];
      const answer = await aws
        .ec2('eu-west-1')
        .send(new DescribeInstanceTypeOfferingsCommand({ LocationType, Filters }));
      return answer.InstanceTypeOfferings?.map(({ Location }) => Location);
    };
    expect(await locations('region')).toEqual(['eu-west-1']);
    expect(await locations('availability-zone')).toEqual(['eu-west-1c']);
    expect(await locations('availability-zone-id')).toEqual(['euw1-az2']);
  });
});

describe('spot prices', () => {
  const pool = {
    cloud: 'aws',
    region: 'us-east-2',
    zone: 'us-east-2a',
    instanceType: 'g5.xlarge',
    market: 'spot',
  } as const;

  it('tells the price in force, and dearer Windows beside it', async () => {
    const now = new Date(STARTED_AT);
    const { SpotPriceHistory: rows = [], NextToken } = await aws.ec2('us-east-2').send(
      new DescribeSpotPriceHistoryCommand({
        StartTime: now,
        EndTime: now,
        InstanceTypes: ['g5.xlarge'],
        AvailabilityZone: 'us-east-2a',
      }),
    );
    expect(rows.map(({ ProductDescription }) => ProductDescription)).toEqual(['Linux/UNIX', 'Windows']);
    const [linux, windows] = rows;
    expect(linux).toMatchObject({ AvailabilityZone: 'us-east-2a', AvailabilityZoneId: 'use2-az1' });
    expect(linux?.SpotPrice).toMatch(/^\d+\.\d{6}$/);
    expect(Number(linux?.SpotPrice)).toBe(Number(formatUsd(aws.clouds.world.price(pool) ?? 0)));
    expect(Number(windows?.SpotPrice)).toBeGreaterThan(Number(linux?.SpotPrice));
    expect(linux?.Timestamp?.getTime()).toBeLessThanOrEqual(STARTED_AT);
    // Real clients have to cope with an empty token.
    expect(NextToken).toBe('');
  });

  it('goes back in time, newest first, with the price before the start', async () => {
    await aws.clock.advance(48 * HOUR_MS);
    const start = STARTED_AT + 24 * HOUR_MS;
    const rows = [];
    for await (const page of paginateDescribeSpotPriceHistory(
      { client: aws.ec2('us-east-2'), pageSize: 7 },
      {
        StartTime: new Date(start),
        InstanceTypes: ['g5.xlarge'],
        ProductDescriptions: ['Linux/UNIX'],
        AvailabilityZone: 'us-east-2a',
      },
    )) {
      rows.push(...(page.SpotPriceHistory ?? []));
    }
    const times = rows.map(({ Timestamp }) => Timestamp?.getTime() ?? 0);
    expect(times).toEqual(times.toSorted((a, b) => b - a));
    const history = aws.clouds.world.spotHistory(pool, start, STARTED_AT + 48 * HOUR_MS);
    expect(rows.map(({ SpotPrice }) => Number(SpotPrice)).toReversed()).toEqual(
      history.map(({ priceMicroUsdPerHour }) => priceMicroUsdPerHour / 1_000_000),
    );
    expect(times.at(-1)).toBeLessThanOrEqual(start);
  });

  it('refuses a zone of another region and a start in the future', async () => {
    const send = (input: DescribeSpotPriceHistoryCommandInput) =>
      refusal(aws.ec2().send(new DescribeSpotPriceHistoryCommand(input)));
    expect(await send({ AvailabilityZone: 'us-east-2a' })).toContain('Invalid availability zone: [us-east-2a]');
    expect(await send({ StartTime: new Date(STARTED_AT + 1000) })).toContain('400 InvalidParameterValue');
  });
});

describe('faults', () => {
  it.each([
    ['throttle', '503 RequestLimitExceeded: Request limit exceeded.'],
    ['unavailable', '503 ServiceUnavailable: The service is unavailable. Please try again shortly.'],
    ['unauthorized', '401 AuthFailure: AWS was not able to validate the provided access credentials'],
  ] as const)('%s', async (kind, answer) => {
    aws.clouds.control.addFault({
      id: 'f',
      cloud: 'aws',
      operation: 'DescribeRegions',
      region: null,
      kind,
      delayMs: 0,
      remaining: 1,
      probability: 1,
    });
    expect(await refusal(aws.ec2().send(new DescribeRegionsCommand({})))).toBe(answer);
    expect((await aws.ec2().send(new DescribeRegionsCommand({}))).Regions).not.toEqual([]);
  });

  it('the SDK’s own retries get past a throttle', async () => {
    aws.clouds.control.addFault({
      id: 'f',
      cloud: 'aws',
      operation: null,
      region: null,
      kind: 'throttle',
      delayMs: 0,
      remaining: 1,
      probability: 1,
    });
    const client = new EC2Client({
      region: 'us-east-1',
      endpoint: aws.clouds.endpoints.aws['ec2'] ?? '',
      credentials: { accessKeyId: 'k', secretAccessKey: 's' },
    });
    expect((await client.send(new DescribeRegionsCommand({}))).$metadata.attempts).toBe(2);
    client.destroy();
  });
});
