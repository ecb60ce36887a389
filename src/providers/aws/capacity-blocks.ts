/** EC2 Capacity Blocks for ML: machines for a span of days, paid in advance. */
import type { CapacityBlockOffering } from '@aws-sdk/client-ec2';
import { DescribeCapacityBlockOfferingsCommand, PurchaseCapacityBlockCommand } from '@aws-sdk/client-ec2';
import type { CapacityBlock } from '../../domain/capacity-block.ts';
import { parseUsd } from '../../domain/money.ts';
import type { Call, CapacityBlockPurchase, CapacityBlockQuery } from '../provider.ts';
import type { GpuType } from './catalogue.ts';
import { gpuTypes } from './catalogue.ts';
import type { AwsContext } from './context.ts';
import { ask, PROVIDER_ID, providerError, requirePart } from './errors.ts';
import { ATTEMPT_TAG, OWNER_TAG } from './instances.ts';
import { pagesOf } from './pages.ts';
import { unknownRegion } from './regions.ts';
import { reservationsWhere } from './reservations.ts';

const HOUR_MS = 3_600_000;

/** The first offerings that fit, as EC2 proposes them; good for minutes only. */
export async function listCapacityBlocks(
  context: AwsContext,
  query: CapacityBlockQuery,
  call: Call,
): Promise<readonly CapacityBlock[]> {
  const { region, instanceType, machineCount, durationHours, startAfter, startBefore } = query;
  if (!context.regions.includes(region)) throw unknownRegion(region);
  const client = context.clients.ec2(region);
  const type = (await gpuTypes(client, call)).find(({ name }) => name === instanceType);
  if (type === undefined) return [];
  const attempted = { operation: 'DescribeCapacityBlockOfferings', mutating: false };
  const input = {
    InstanceType: instanceType,
    InstanceCount: machineCount,
    CapacityDurationHours: durationHours,
    MaxResults: 100,
    ...(startAfter === null ? {} : { StartDateRange: new Date(startAfter) }),
    // EC2 bounds the end of the block, the contract its start.
    ...(startBefore === null ? {} : { EndDateRange: new Date(startBefore + durationHours * HOUR_MS) }),
  };
  const blocks: CapacityBlock[] = [];
  const pages = pagesOf(attempted, call, (more, options) =>
    client.send(new DescribeCapacityBlockOfferingsCommand({ ...input, ...more }), options),
  );
  for await (const page of pages) {
    for (const offering of requirePart(page.CapacityBlockOfferings, attempted, 'CapacityBlockOfferings')) {
      blocks.push(...blockOf(region, type, offering));
    }
  }
  return blocks.toSorted((a, b) => a.startAt - b.startAt || (a.id < b.id ? -1 : 1));
}

/** Nothing for one that cannot be judged: without price, place or time, or in another currency. */
function blockOf(region: string, type: GpuType, offering: CapacityBlockOffering): readonly CapacityBlock[] {
  const { CapacityBlockOfferingId: id, AvailabilityZone: zone, StartDate: start, EndDate: end } = offering;
  const { InstanceCount: machineCount, UpfrontFee: fee, CurrencyCode: currency } = offering;
  if (id === undefined || zone === undefined || start === undefined || end === undefined) return [];
  if (machineCount === undefined || fee === undefined || currency !== 'USD') return [];
  return [
    {
      provider: PROVIDER_ID,
      id,
      region,
      zone,
      instanceType: type.name,
      accelerator: type.gpu.accelerator.name,
      acceleratorCount: type.gpu.count,
      machineCount,
      startAt: start.getTime(),
      endAt: end.getTime(),
      upfrontMicroUsd: parseUsd(fee),
    },
  ];
}

/** EC2 has no token for a purchase: it is sent once (the client's retries are off), and what became of it is told by the tags. */
export async function buyCapacityBlock(
  context: AwsContext,
  purchase: CapacityBlockPurchase,
  call: Call,
): Promise<string> {
  const { block, owner, idempotencyKey } = purchase;
  const attempted = { operation: 'PurchaseCapacityBlock', mutating: true };
  if (block.provider !== PROVIDER_ID) {
    throw providerError(attempted, 'invalid-request', '', `the block belongs to ${block.provider}`);
  }
  if (!context.regions.includes(block.region)) throw unknownRegion(block.region);
  const answer = await ask(attempted, call, (options) =>
    context.clients.ec2(block.region).send(
      new PurchaseCapacityBlockCommand({
        CapacityBlockOfferingId: block.id,
        InstancePlatform: 'Linux/UNIX',
        TagSpecifications: [
          {
            ResourceType: 'capacity-reservation',
            Tags: [
              { Key: OWNER_TAG, Value: owner },
              { Key: ATTEMPT_TAG, Value: idempotencyKey },
            ],
          },
        ],
      }),
      options,
    ),
  );
  return requirePart(answer.CapacityReservation?.CapacityReservationId, attempted, 'CapacityReservationId');
}

/** In any state: one that is paid for but has not begun is a purchase all the same. */
export async function findCapacityBlockPurchase(
  context: AwsContext,
  region: string,
  idempotencyKey: string,
  call: Call,
): Promise<string | null> {
  if (!context.regions.includes(region)) throw unknownRegion(region);
  const filters = [{ Name: `tag:${ATTEMPT_TAG}`, Values: [idempotencyKey] }];
  const [reservation] = await reservationsWhere(context.clients.ec2(region), { filters }, call);
  return reservation?.id ?? null;
}
