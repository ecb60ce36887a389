import type {
  CapacityBlockOffering,
  DescribeCapacityBlockOfferingsRequest,
  DescribeCapacityBlockOfferingsResult,
  PurchaseCapacityBlockRequest,
  PurchaseCapacityBlockResult,
} from '@aws-sdk/client-ec2';
import { DescribeCapacityBlockOfferings$, PurchaseCapacityBlock$ } from '@aws-sdk/client-ec2';
import { formatUsd } from '../../../domain/money.ts';
import type { WorldReservation } from '../../world/contract.ts';
import type { BlockOffering } from '../capacity-block-model.ts';
import { blocksFor, isBlockSize, isBlockSpan, isSoldAsBlocks, OFFERED_MS } from '../capacity-block-model.ts';
import { pageOf } from '../paging.ts';
import { badRequest } from '../vendor-error.ts';
import type { ActionContext } from './action.ts';
import { defineAction } from './action.ts';
import { describeCapacityReservation } from './capacity-reservations.ts';
import { tagsFor } from './launch-parameters.ts';

function offeringsOf({ world }: ActionContext): Map<string, BlockOffering> {
  return world.store<BlockOffering>('aws', 'capacity-block-offerings');
}

function runDescribeCapacityBlockOfferings(
  context: ActionContext,
  input: DescribeCapacityBlockOfferingsRequest,
): DescribeCapacityBlockOfferingsResult {
  const { world, region } = context;
  const { InstanceType: instanceType = '', InstanceCount: machineCount = 1, CapacityDurationHours: hours = 0 } = input;
  if (!isSoldAsBlocks(world, instanceType)) {
    throw badRequest(
      'InvalidParameterValue',
      `The instance type ${instanceType} is not supported for Capacity Blocks.`,
    );
  }
  if (!isBlockSize(machineCount)) {
    throw badRequest('InvalidParameterValue', `Value (${machineCount}) for parameter InstanceCount is invalid.`);
  }
  if (!isBlockSpan(hours)) {
    throw badRequest('InvalidParameterValue', `Value (${hours}) for parameter CapacityDurationHours is invalid.`);
  }
  const now = world.clock.now();
  const offerings = offeringsOf(context);
  for (const [id, { offeredAt }] of offerings) if (offeredAt + OFFERED_MS < now) offerings.delete(id);
  const found = blocksFor(world, {
    region: region.name,
    instanceType,
    machineCount,
    durationHours: hours,
    startAfter: input.StartDateRange?.getTime() ?? now,
    // The range of dates bounds the whole block.
    startBefore: (input.EndDateRange?.getTime() ?? Number.POSITIVE_INFINITY) - hours * 3_600_000,
  });
  for (const offering of found) offerings.set(offering.id, offering);
  const page = pageOf(
    found.toSorted((a, b) => (a.id < b.id ? -1 : 1)),
    ({ id }) => id,
    { maxResults: input.MaxResults, nextToken: input.NextToken },
    { least: 1, most: 1000, standard: 1000 },
  );
  return {
    CapacityBlockOfferings: page.items.map(describe),
    ...(page.nextToken === null ? {} : { NextToken: page.nextToken }),
  };
}

function describe(offering: BlockOffering): CapacityBlockOffering {
  return {
    CapacityBlockOfferingId: offering.id,
    InstanceType: offering.instanceType,
    AvailabilityZone: offering.zone,
    InstanceCount: offering.machineCount,
    StartDate: new Date(offering.startAt),
    EndDate: new Date(offering.endAt),
    CapacityBlockDurationHours: (offering.endAt - offering.startAt) / 3_600_000,
    UpfrontFee: formatUsd(offering.upfrontMicroUsd),
    CurrencyCode: 'USD',
    Tenancy: 'default',
  };
}

function runPurchaseCapacityBlock(
  context: ActionContext,
  input: PurchaseCapacityBlockRequest,
): PurchaseCapacityBlockResult {
  const { world } = context;
  const offering = offeringsOf(context).get(input.CapacityBlockOfferingId ?? '');
  const isGood = offering !== undefined && offering.offeredAt + OFFERED_MS >= world.clock.now();
  if (!isGood || offering.region !== context.region.name) {
    throw badRequest(
      'InvalidParameterValue',
      `The Capacity Block offering '${input.CapacityBlockOfferingId ?? ''}' does not exist or has expired.`,
    );
  }
  if (input.InstancePlatform !== 'Linux/UNIX') {
    throw badRequest('InvalidParameterValue', `The platform '${input.InstancePlatform ?? ''}' is not supported.`);
  }
  const { id, zone, region, instanceType, machineCount, startAt, endAt } = offering;
  // No token: the same purchase sent twice is two blocks.
  const counters = world.store<number>('aws', 'counters');
  const number = (counters.get('capacity-block') ?? 0) + 1;
  counters.set('capacity-block', number);
  const reservation: WorldReservation = {
    id: `cr-${number.toString(16).padStart(17, 'b')}`,
    cloud: 'aws',
    region,
    zone,
    instanceType,
    count: machineCount,
    kind: 'block',
    startAt,
    endAt,
    tags: tagsFor('capacity-reservation', input.TagSpecifications),
    details: { offering: id },
  };
  world.addReservation(reservation);
  return { CapacityReservation: describeCapacityReservation(context, reservation) };
}

export const describeCapacityBlockOfferings = defineAction(
  DescribeCapacityBlockOfferings$,
  false,
  runDescribeCapacityBlockOfferings,
);
export const purchaseCapacityBlock = defineAction(PurchaseCapacityBlock$, true, runPurchaseCapacityBlock);
