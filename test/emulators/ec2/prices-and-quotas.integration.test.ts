import { RunInstancesCommand } from '@aws-sdk/client-ec2';
import type { Filter } from '@aws-sdk/client-pricing';
import { GetProductsCommand, PricingClient } from '@aws-sdk/client-pricing';
import {
  GetAWSDefaultServiceQuotaCommand,
  GetServiceQuotaCommand,
  ListServiceQuotasCommand,
  paginateListServiceQuotas,
  ServiceQuotasClient,
} from '@aws-sdk/client-service-quotas';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { FaultKind } from '../../../src/emulators/world/control-contract.ts';
import type { AwsClouds } from './aws-clouds.ts';
import { CREDENTIALS, IMAGE, refusal, startAws } from './aws-clouds.ts';

let aws: AwsClouds;
const opened: { destroy(): void }[] = [];

beforeEach(async () => {
  aws = await startAws();
});
afterEach(async () => {
  for (const client of opened.splice(0)) client.destroy();
  await aws.close();
});

function pricing(region = 'us-east-1'): PricingClient {
  const endpoint = aws.clouds.endpoints.aws['pricing'] ?? '';
  const client = new PricingClient({ region, endpoint, credentials: CREDENTIALS, maxAttempts: 1 });
  opened.push(client);
  return client;
}

function quotas(region = 'us-east-1'): ServiceQuotasClient {
  const endpoint = aws.clouds.endpoints.aws['service-quotas'] ?? '';
  const client = new ServiceQuotasClient({ region, endpoint, credentials: CREDENTIALS, maxAttempts: 1 });
  opened.push(client);
  return client;
}

function fail(kind: FaultKind): void {
  aws.clouds.control.addFault({
    id: 'f',
    cloud: 'aws',
    operation: null,
    region: null,
    kind,
    delayMs: 0,
    remaining: null,
    probability: 1,
  });
}

interface Entry {
  readonly product: { readonly attributes: Readonly<Record<string, string>> };
  readonly terms: {
    readonly OnDemand: Record<
      string,
      {
        readonly priceDimensions: Record<
          string,
          { readonly unit: string; readonly pricePerUnit: { readonly USD: string } }
        >;
      }
    >;
  };
}

describe('GetProducts', () => {
  const match = (Field: string, Value: string, Type: Filter['Type'] = 'TERM_MATCH'): Filter => ({ Type, Field, Value });
  const here = match('regionCode', 'us-east-1');

  async function products(...Filters: Filter[]): Promise<string[]> {
    const rows: string[] = [];
    let NextToken: string | undefined;
    do {
      const page = await pricing().send(
        new GetProductsCommand({
          ServiceCode: 'AmazonEC2',
          Filters,
          MaxResults: 3,
          ...(NextToken === undefined ? {} : { NextToken }),
        }),
      );
      for (const text of page.PriceList ?? []) {
        const { product, terms } = JSON.parse(String(text)) as Entry;
        const { instanceType, operatingSystem, tenancy, preInstalledSw, capacitystatus } = product.attributes;
        const [rate] = Object.values(Object.values(terms.OnDemand)[0]?.priceDimensions ?? {});
        rows.push(
          `${instanceType} ${operatingSystem} ${tenancy} ${preInstalledSw} ${capacitystatus} ${rate?.unit} ${rate?.pricePerUnit.USD}`,
        );
      }
      NextToken = page.NextToken;
    } while (NextToken !== undefined);
    return rows;
  }

  it('gives the price people mean, and the ones that stand beside it', async () => {
    expect(await products(here, match('instanceType', 'g5.xlarge'))).toEqual([
      'g5.xlarge Linux Shared NA Used Hrs 1.0060000000',
      'g5.xlarge Linux Dedicated NA Used Hrs 1.0713900000',
      'g5.xlarge Windows Shared NA Used Hrs 1.4687600000',
      'g5.xlarge Linux Shared SQL Web Used Hrs 1.1267200000',
      'g5.xlarge Linux Shared NA AllocatedCapacityReservation Hrs 0.0000000000',
    ]);
  });

  it('filters by each type of filter', async () => {
    const plain = [match('operatingSystem', 'Linux'), match('preInstalledSw', 'NA'), match('capacitystatus', 'Used')];
    const count = async (...more: Filter[]) => (await products(here, ...plain, ...more)).length;
    expect(await count(match('instanceType', 'g5.xlarge', 'EQUALS'))).toBe(2);
    expect(await count(match('instanceType', 'g5.xlarge,p5.48xlarge', 'ANY_OF'), match('tenancy', 'Shared'))).toBe(2);
    expect(await count(match('instanceType', 'g5.', 'CONTAINS'), match('tenancy', 'Shared'))).toBe(8);
    const all = await count(match('tenancy', 'Shared'));
    expect(await count(match('tenancy', 'Shared'), match('instanceType', 'g5.xlarge,p5.48xlarge', 'NONE_OF'))).toBe(
      all - 2,
    );
  });

  it('refuses what the price list does not have', async () => {
    const send = (input: { ServiceCode: string; Filters?: Filter[]; MaxResults?: number }, region?: string) =>
      refusal(pricing(region).send(new GetProductsCommand(input)));
    expect(await send({ ServiceCode: 'AmazonEC2' }, 'us-east-2')).toBe(
      '400 InvalidParameterException: The price list is not served in us-east-2',
    );
    expect(await send({ ServiceCode: 'AmazonS3' })).toContain('400 InvalidParameterException');
    expect(await send({ ServiceCode: 'AmazonEC2', MaxResults: 101 })).toContain('400 InvalidParameterValue');
    expect(
      await send({ ServiceCode: 'AmazonEC2', Filters: [match('instanceType', 'x'.repeat(1025), 'ANY_OF')] }),
    ).toContain('of 1 to 1024 characters');
  });

  it('answers faults in its own words', async () => {
    const send = () => refusal(pricing().send(new GetProductsCommand({ ServiceCode: 'AmazonEC2' })));
    fail('throttle');
    expect(await send()).toBe('400 ThrottlingException: Rate exceeded');
    aws.clouds.control.removeFault('f');
    fail('unauthorized');
    expect(await send()).toContain('400 AccessDeniedException');
    aws.clouds.control.removeFault('f');
    fail('unavailable');
    expect(await send()).toContain('500 InternalErrorException');
  });

  it('refuses requests that are unsigned or not of its shape', async () => {
    const url = aws.clouds.endpoints.aws['pricing'] ?? '';
    const post = async (headers: Record<string, string>, body: string) =>
      (await fetch(url, { method: 'POST', headers, body })).text();
    const target = { 'x-amz-target': 'AWSPriceListService.GetProducts' };
    const authorization = `AWS4-HMAC-SHA256 Credential=K/20261102/us-east-1/pricing/aws4_request, SignedHeaders=host, Signature=${'0'.repeat(64)}`;
    expect(await post(target, '{}')).toContain('MissingAuthenticationTokenException');
    expect(await post({ authorization, 'x-amz-target': 'Other.GetProducts' }, '{}')).toContain(
      'UnknownOperationException',
    );
    expect(await post({ ...target, authorization }, '{')).toContain('SerializationException');
    expect(await post({ ...target, authorization }, '{}')).toContain('request.ServiceCode is missing');
    expect(await post({ ...target, authorization }, '{"ServiceCode":"AmazonEC2","Colour":1}')).toContain(
      'request.Colour is not a member',
    );
    expect(await post({ ...target, authorization }, '{"ServiceCode":7}')).toContain(
      'request.ServiceCode must be a string',
    );
  });
});

describe('Service Quotas', () => {
  it('tells limits by code, and the default beside the account’s own', async () => {
    aws.clouds.control.setQuotaLimit('aws', 'us-east-1', 'L-417A185B', 192);
    const input = { ServiceCode: 'ec2', QuotaCode: 'L-417A185B' };
    const { Quota } = await quotas().send(new GetServiceQuotaCommand(input));
    expect(Quota).toMatchObject({ QuotaName: 'Running On-Demand P instances', Value: 192, Adjustable: true });
    const standard = await quotas().send(new GetAWSDefaultServiceQuotaCommand(input));
    expect(standard.Quota?.Value).toBe(6144);
    const elsewhere = await quotas('eu-west-1').send(new GetServiceQuotaCommand(input));
    expect(elsewhere.Quota?.Value).toBe(6144);
  });

  it('lists them, page by page', async () => {
    const codes: (string | undefined)[] = [];
    let pages = 0;
    for await (const page of paginateListServiceQuotas({ client: quotas(), pageSize: 2 }, { ServiceCode: 'ec2' })) {
      codes.push(...(page.Quotas ?? []).map(({ QuotaCode }) => QuotaCode));
      pages += 1;
    }
    expect(pages).toBe(3);
    expect(codes).toEqual(['L-3819A6DF', 'L-417A185B', 'L-7212CCBC', 'L-C4BD4855', 'L-DB2E81BA']);
    const one = await quotas().send(new ListServiceQuotasCommand({ ServiceCode: 'ec2', QuotaCode: 'L-C4BD4855' }));
    expect(one.Quotas?.map(({ QuotaName }) => QuotaName)).toEqual(['All P5 Spot Instance Requests']);
  });

  it('does not know other services and codes', async () => {
    const get = (ServiceCode: string, QuotaCode: string) =>
      refusal(quotas().send(new GetServiceQuotaCommand({ ServiceCode, QuotaCode })));
    expect(await get('ec2', 'L-0')).toContain('400 NoSuchResourceException');
    expect(await get('s3', 'L-417A185B')).toContain('400 NoSuchResourceException');
  });

  it('is what RunInstances keeps to', async () => {
    aws.clouds.control.setQuotaLimit('aws', 'us-east-1', 'L-DB2E81BA', 12);
    const answer = await aws.ec2().send(
      new RunInstancesCommand({
        ImageId: IMAGE,
        InstanceType: 'g5.xlarge',
        MinCount: 3,
        MaxCount: 3,
        Placement: { AvailabilityZone: 'us-east-1a' },
      }),
    );
    expect(answer.Instances).toHaveLength(3);
  });
});
