/** What is particular to AWS; what every adapter owes is in `test/conformance/`. */
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { text } from 'node:stream/consumers';
import { describe, expect, it } from 'vitest';
import { formatUsd, parseUsd } from '../../../src/domain/money.ts';
import type { Provider } from '../../../src/providers/provider.ts';
import type { AwsClouds } from '../../emulators/ec2/aws-clouds.ts';
import { EVERY_POOL } from '../../emulators/ec2/aws-clouds.ts';
import type { AwsSubject } from './aws-subject.ts';
import { CALL, POOL, REGIONS, request, subjectForEachTest } from './aws-subject.ts';

let subject: AwsSubject;
let aws: AwsClouds;
let provider: Provider;

subjectForEachTest((fresh) => {
  subject = fresh;
  ({ aws, provider } = fresh);
});

describe('offers', () => {
  it('are the world’s pools, all of them, at the world’s prices', async () => {
    const { world } = aws.clouds;
    const { offers, quarantined, regions } = await provider.listOffers({ regions: REGIONS }, CALL);
    expect(quarantined).toEqual([]);
    expect(regions).toEqual(REGIONS.map((region) => ({ region, complete: true, error: null })));
    const listed = new Map(
      offers.map(({ pool, priceMicroUsdPerHour }) => [
        `${pool.zone} ${pool.instanceType} ${pool.market}`,
        priceMicroUsdPerHour,
      ]),
    );
    const sold = REGIONS.flatMap((region) =>
      world.facts('aws').instanceTypes.flatMap(({ name: instanceType, markets }) =>
        world.zonesOffering('aws', region, instanceType).flatMap((zone) =>
          markets.map((market) => {
            const price = world.price({ cloud: 'aws', region, zone, instanceType, market });
            return [`${zone} ${instanceType} ${market}`, price] as const;
          }),
        ),
      ),
    );
    expect(listed).toEqual(new Map(sold));
    expect(offers).toHaveLength(sold.length);
  });

  it('tell zones by both names, and shapes from EC2', async () => {
    const { offers } = await provider.listOffers({ regions: ['eu-west-1'] }, CALL);
    const offer = offers.find(({ pool }) => pool.instanceType === 'p4d.24xlarge' && pool.market === 'spot');
    expect(offer).toMatchObject({
      pool: { zone: 'eu-west-1c' },
      zonePhysicalId: 'euw1-az2',
      accelerator: 'A100-40GB',
      acceleratorCount: 8,
      vcpuCount: 96,
      memoryGiB: 1152,
      quotaClaims: [{ quota: 'L-7212CCBC', scope: 'region', units: 96 }],
      observedAt: aws.clock.now(),
    });
  });

  it('follow the spot price', async () => {
    const spotPool = { ...EVERY_POOL, zone: 'us-east-2b', instanceType: 'g5.xlarge', market: 'spot' } as const;
    aws.clouds.control.setSpotPrice(spotPool, parseUsd('0.123456'));
    const { offers } = await provider.listOffers({ regions: ['us-east-2'] }, CALL);
    const prices = offers
      .filter(({ pool }) => pool.instanceType === 'g5.xlarge' && pool.market === 'spot' && pool.zone === 'us-east-2b')
      .map(({ priceMicroUsdPerHour }) => formatUsd(priceMicroUsdPerHour));
    expect(prices).toEqual(['0.123456']);
  });

  it.each([
    'DescribeInstanceTypes',
    'DescribeInstanceTypeOfferings',
    'DescribeAvailabilityZones',
    'DescribeSpotPriceHistory',
    'GetProducts',
  ])('a region without %s fails, whole and by name', async (operation) => {
    subject.fail('throttle', operation, { remaining: null, region: operation === 'GetProducts' ? null : 'us-east-2' });
    const { offers, regions } = await provider.listOffers({ regions: REGIONS }, CALL);
    expect(offers.filter(({ pool }) => pool.region === 'us-east-2')).toEqual([]);
    expect(regions[0]).toMatchObject({ complete: false, error: { kind: 'rate-limited', operation } });
    expect(regions[1]?.complete).toBe(operation !== 'GetProducts');
  });
});

/** A cloud that gives no more than a few rows to a page, whatever is asked for: AWS may do so at any time. */
async function withSmallPages(check: (sparing: Provider) => Promise<void>): Promise<void> {
  const servers = Object.entries(aws.clouds.endpoints.aws).map(([service, target]) => {
    const server = createServer((incoming, response) => {
      text(incoming)
        .then(async (body) => {
          const headers = new Headers();
          for (const name of ['authorization', 'content-type', 'x-amz-target']) {
            const value = incoming.headers[name];
            if (typeof value === 'string') headers.set(name, value);
          }
          const fewer = body.replace(/(MaxResults"?[=:])\d+/, (_all, name: string) => `${name}5`);
          const answer = await fetch(target, { method: 'POST', headers, body: fewer });
          response.writeHead(answer.status).end(await answer.text());
        })
        .catch((error: unknown) => response.destroy(error instanceof Error ? error : undefined));
    });
    return { service, server };
  });
  const endpoints: Record<string, string> = {};
  try {
    for (const { service, server } of servers) {
      await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
      endpoints[service] = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
    }
    await check(await subject.open({ endpoints }));
  } finally {
    for (const { server } of servers) {
      server.closeAllConnections();
      server.close();
    }
  }
}

describe('small pages', () => {
  it('make no difference to offers, quotas and listings', async () => {
    await provider.launch(request({ count: 12 }), CALL);
    const regions = ['us-east-2'];
    const plain = await provider.listOffers({ regions }, CALL);
    const quotas = await provider.listQuotas({ regions }, CALL);
    const owned = await provider.listOwned({ owner: 'us', regions }, CALL);
    const before = aws.clouds.requests().length;
    await withSmallPages(async (sparing) => {
      expect(await sparing.listOffers({ regions }, CALL)).toEqual(plain);
      expect(await sparing.listQuotas({ regions }, CALL)).toEqual(quotas);
      expect(await sparing.listOwned({ owner: 'us', regions }, CALL)).toEqual(owned);
    });
    const counted = new Map<string, number>();
    for (const { operation } of aws.clouds.requests().slice(before)) {
      counted.set(operation, (counted.get(operation) ?? 0) + 1);
    }
    for (const operation of [
      'DescribeInstanceTypes',
      'DescribeInstanceTypeOfferings',
      'DescribeSpotPriceHistory',
      'GetProducts',
      'DescribeInstances',
    ]) {
      expect({ operation, paged: (counted.get(operation) ?? 0) > 4 }).toEqual({ operation, paged: true });
    }
  });
});

describe('quotas', () => {
  it('count the vCPUs of every machine in the account, ours or not', async () => {
    await provider.launch(request({ count: 3 }), CALL);
    await provider.launch(
      request({
        idempotencyKey: 'key2',
        owner: 'them',
        pool: { ...POOL, instanceType: 'g5.12xlarge', market: 'spot' },
      }),
      CALL,
    );
    aws.clouds.control.setQuotaLimit('aws', 'us-east-2', 'L-DB2E81BA', 100);
    const { quotas } = await provider.listQuotas({ regions: ['us-east-2'] }, CALL);
    const told = Object.fromEntries(quotas.map(({ name, limit, usage }) => [name, `${usage} of ${limit}`]));
    expect(told).toMatchObject({ 'L-DB2E81BA': '12 of 100', 'L-3819A6DF': '48 of 6144', 'L-417A185B': '0 of 6144' });
  });

  it.each(['GetServiceQuota', 'DescribeInstances'])('a throttled %s is a failed region', async (operation) => {
    subject.fail('throttle', operation, { region: 'eu-west-1' });
    const { quotas, regions } = await provider.listQuotas({ regions: REGIONS }, CALL);
    expect(new Set(quotas.map(({ region }) => region))).toEqual(new Set(['us-east-2']));
    expect(regions.map(({ complete, error }) => [complete, error?.kind])).toEqual([
      [true, undefined],
      [false, 'rate-limited'],
    ]);
  });
});
