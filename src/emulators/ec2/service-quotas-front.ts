import type {
  GetAWSDefaultServiceQuotaRequest,
  GetAWSDefaultServiceQuotaResponse,
  GetServiceQuotaRequest,
  GetServiceQuotaResponse,
  ListServiceQuotasRequest,
  ListServiceQuotasResponse,
  ServiceQuota,
} from '@aws-sdk/client-service-quotas';
import { GetAWSDefaultServiceQuota$, GetServiceQuota$, ListServiceQuotas$ } from '@aws-sdk/client-service-quotas';
import type { Front } from '../http/front.ts';
import type { QuotaState, World } from '../world/contract.ts';
import type { RegionFact } from '../world/market-facts.ts';
import { OWNER_ID } from './instance-shape.ts';
import { createJsonFront, defineOperation } from './json-front.ts';
import { pageOf } from './paging.ts';
import { badRequest, VendorError } from './vendor-error.ts';

export function createServiceQuotasFront(world: World): Front {
  return createJsonFront(world, {
    service: 'service-quotas',
    signingName: 'servicequotas',
    target: 'ServiceQuotasV20190624',
    operations: [
      defineOperation(
        GetServiceQuota$,
        (region, input: GetServiceQuotaRequest): GetServiceQuotaResponse => ({
          Quota: describe(region, find(world, region, input)),
        }),
      ),
      defineOperation(
        GetAWSDefaultServiceQuota$,
        (region, input: GetAWSDefaultServiceQuotaRequest): GetAWSDefaultServiceQuotaResponse => {
          const state = find(world, region, input);
          return { Quota: describe(region, { ...state, limit: state.fact.defaultLimit }) };
        },
      ),
      defineOperation(ListServiceQuotas$, (region, input: ListServiceQuotasRequest) => list(world, region, input)),
    ],
    faults: {
      throttle: badRequest('TooManyRequestsException', 'Rate exceeded'),
      'internal-error': new VendorError(500, 'ServiceException', 'Something went wrong.'),
      unavailable: new VendorError(500, 'ServiceException', 'Something went wrong.'),
      unauthorized: badRequest(
        'AccessDeniedException',
        'You do not have sufficient permission to perform this action.',
      ),
    },
  });
}

function find(
  world: World,
  region: RegionFact,
  input: { readonly ServiceCode?: string | undefined; readonly QuotaCode?: string | undefined },
): QuotaState {
  checkService(input.ServiceCode);
  const state = world.quotas('aws', region.name).find(({ fact }) => fact.name === input.QuotaCode);
  if (state === undefined) {
    throw badRequest(
      'NoSuchResourceException',
      'The request failed because the specified service quota does not exist.',
    );
  }
  return state;
}

function list(world: World, region: RegionFact, input: ListServiceQuotasRequest): ListServiceQuotasResponse {
  checkService(input.ServiceCode);
  const page = pageOf(
    world
      .quotas('aws', region.name)
      .filter(({ fact }) => input.QuotaCode === undefined || fact.name === input.QuotaCode)
      .toSorted((a, b) => (a.fact.name < b.fact.name ? -1 : 1)),
    ({ fact }) => fact.name,
    { maxResults: input.MaxResults, nextToken: input.NextToken },
    { least: 1, most: 100, standard: 100 },
  );
  return {
    Quotas: page.items.map((state) => describe(region, state)),
    ...(page.nextToken === null ? {} : { NextToken: page.nextToken }),
  };
}

function checkService(service: string | undefined): void {
  if (service !== 'ec2') throw badRequest('NoSuchResourceException', `The service ${service ?? ''} does not exist.`);
}

function describe(region: RegionFact, { fact, limit }: QuotaState): ServiceQuota {
  return {
    ServiceCode: 'ec2',
    ServiceName: 'Amazon Elastic Compute Cloud (Amazon EC2)',
    QuotaArn: `arn:aws:servicequotas:${region.name}:${OWNER_ID}:ec2/${fact.name}`,
    QuotaCode: fact.name,
    QuotaName: fact.displayName,
    Value: limit,
    Unit: 'None',
    Adjustable: true,
    GlobalQuota: false,
  };
}
