import type { EC2Client, RunInstancesCommandInput, Tag, TagSpecification } from '@aws-sdk/client-ec2';
import { RunInstancesCommand } from '@aws-sdk/client-ec2';
import type { Pool } from '../../domain/pool.ts';
import { poolScope } from '../../domain/sold-out.ts';
import type { Call, Instance, LaunchRequest, LaunchResult, Refusal } from '../provider.ts';
import { ProviderError } from '../provider.ts';
import type { Clients } from './clients.ts';
import { findCodeRow } from './error-codes.ts';
import { classify, errorOf, PROVIDER_ID, providerError, refusalFrom, requirePart } from './errors.ts';
import { architectureOf } from './instance-types.ts';
import { ATTEMPT_TAG, findByToken, OWNER_TAG, toInstance } from './instances.ts';
import { unknownRegion } from './regions.ts';
import { reservationsWhere } from './reservations.ts';
import type { AwsOptions } from './settings.ts';
import { imageFor } from './settings.ts';

const ATTEMPTED = { operation: 'RunInstances', mutating: true } as const;
/** How long a pool that gave fewer machines than asked for is left alone. */
const PARTIAL_RETRY_SECONDS = 180;

export async function launch(
  clients: Clients,
  configured: readonly string[],
  options: AwsOptions,
  request: LaunchRequest,
  call: Call,
): Promise<LaunchResult> {
  const { region } = request.pool;
  if (!configured.includes(region)) throw unknownRegion(region);
  checkRequest(request);
  const client = clients.ec2(region);
  call.signal.throwIfAborted();
  if (request.resend) {
    const known = await outcomeSoFar(clients, request, call);
    if (known !== null) return known;
  }
  const target = await reservationTarget(client, request, call);
  if (target !== null && 'refusal' in target) return refused(request, target.refusal);
  const input = runInstancesInput(options, request, target);
  call.signal.throwIfAborted();
  try {
    const answer = await client.send(new RunInstancesCommand(input), { abortSignal: call.signal });
    const instances = requirePart(answer.Instances, ATTEMPTED, 'Instances');
    return accountFor(
      request,
      instances.map((instance) => toInstance(region, instance)),
    );
  } catch (thrown) {
    call.signal.throwIfAborted();
    const classified = classify(thrown, ATTEMPTED);
    if (classified.refusal !== null) {
      const { refusal, code, message } = classified;
      return refused(request, refusalFrom(refusal, request.pool, code, message));
    }
    const error = errorOf(thrown, ATTEMPTED);
    if (error.code !== 'IdempotentInstanceTerminated') throw error;
    return accountFor(request, await endedInstances(clients, request, call));
  }
}

function refused({ count }: LaunchRequest, refusal: Refusal): LaunchResult {
  return { instances: [], refusals: [{ count, refusal }] };
}

interface ReservationTarget {
  readonly id: string;
  /** A Capacity Block wants a market type of its own. */
  readonly isBlock: boolean;
}

/** The reservation to launch into; null = none; a refusal when there is no such reservation (any more). */
async function reservationTarget(
  client: EC2Client,
  { pool }: LaunchRequest,
  call: Call,
): Promise<ReservationTarget | { readonly refusal: Refusal } | null> {
  const { reservation: id } = pool;
  if (id === null) return null;
  try {
    const [found] = await reservationsWhere(client, { ids: [id] }, call);
    return { id, isBlock: found?.isBlock ?? false };
  } catch (error) {
    if (!(error instanceof ProviderError)) throw error;
    const row = findCodeRow(error.code, error.message);
    if (row === null || !('refusal' in row)) throw error;
    return { refusal: refusalFrom(row, pool, error.code, error.message) };
  }
}

/**
 * What became of a key that may have been sent before. Null = not known for sure: EC2 shows nothing of it, or not all of it yet, and
 * sending the same token again settles that. EC2 remembers tokens longer than it lists ended machines.
 */
async function outcomeSoFar(clients: Clients, request: LaunchRequest, call: Call): Promise<LaunchResult | null> {
  const { pool, idempotencyKey, count } = request;
  const listed = await findByToken(clients.ec2(pool.region), pool.region, idempotencyKey, call);
  const isOver = listed.length > 0 && listed.every(({ state }) => state === 'gone');
  return listed.length >= count || isOver ? accountFor(request, listed) : null;
}

/** The token's machines existed and have ended: they are the result of this attempt. EC2 lists them for about an hour. */
async function endedInstances(clients: Clients, request: LaunchRequest, call: Call): Promise<readonly Instance[]> {
  const { pool, idempotencyKey, owner, tags } = request;
  const listed = await findByToken(clients.ec2(pool.region), pool.region, idempotencyKey, call);
  if (listed.length > 0) return listed;
  return Array.from({ length: request.count }, (_, index) => ({
    ref: { region: pool.region, zone: pool.zone, idempotencyKey, index, instanceId: null },
    pool,
    state: 'gone',
    refusal: null,
    failure: null,
    owner,
    tags,
    launchedAt: null,
  }));
}

/** EC2 may start fewer than asked for, and gives no reason then: all that is known is that the pool has run dry. */
function accountFor(request: LaunchRequest, instances: readonly Instance[]): LaunchResult {
  const missing = request.count - instances.length;
  const ordered = instances.toSorted((a, b) => a.ref.index - b.ref.index);
  if (missing <= 0) return { instances: ordered, refusals: [] };
  const refusal = {
    kind: request.pool.market === 'reserved' ? 'reservation' : 'capacity',
    scope: poolScope(request.pool),
    retryAfterSeconds: PARTIAL_RETRY_SECONDS,
    code: '',
    message: `EC2 started ${instances.length} of ${request.count} machines`,
  } as const;
  return { instances: ordered, refusals: [{ count: missing, refusal }] };
}

/** Throws `invalid-request` for what EC2 cannot do. */
function checkRequest({ pool, count }: LaunchRequest): void {
  if (pool.provider !== PROVIDER_ID) throw invalid(`the pool belongs to ${pool.provider}`);
  if (pool.zone === null) throw invalid('the pool names no zone');
  if ((pool.market === 'reserved') !== (pool.reservation !== null)) {
    throw invalid('a reserved pool, and no other, names its reservation');
  }
  if (!Number.isInteger(count) || count < 1) throw invalid(`${count} machines cannot be started`);
}

/**
 * The request depends on nothing but the attempt, the configuration and the reservation's kind (which never changes), so that sending
 * it again with the same token is the same request.
 */
export function runInstancesInput(
  options: AwsOptions,
  request: LaunchRequest,
  target: ReservationTarget | null = null,
): RunInstancesCommandInput {
  checkRequest(request);
  const { pool, count, idempotencyKey, userData, accelerator } = request;
  const { region, instanceType } = pool;
  const zone = pool.zone ?? '';
  const subnet = options.subnets[zone];
  const groups = options.securityGroups[region];
  return {
    ClientToken: idempotencyKey,
    MinCount: 1,
    MaxCount: count,
    InstanceType: readType(instanceType),
    ImageId: imageFor(options, region, accelerator, architectureOf(instanceType)),
    Placement: { AvailabilityZone: zone },
    ...marketInput(pool, target),
    ...(userData === null ? {} : { UserData: Buffer.from(userData, 'utf8').toString('base64') }),
    // A machine that shuts itself down must not stay behind as a stopped one whose disk is billed.
    InstanceInitiatedShutdownBehavior: 'terminate',
    // Session tokens for the metadata service; two hops, so that containers reach it.
    MetadataOptions: { HttpTokens: 'required', HttpEndpoint: 'enabled', HttpPutResponseHopLimit: 2 },
    ...(subnet === undefined ? {} : { SubnetId: subnet }),
    ...(groups === undefined ? {} : { SecurityGroupIds: [...groups] }),
    ...(options.keyName === undefined ? {} : { KeyName: options.keyName }),
    ...(options.iamInstanceProfile === undefined ? {} : { IamInstanceProfile: profileOf(options.iamInstanceProfile) }),
    ...(options.diskGiB === undefined
      ? {}
      : {
          BlockDeviceMappings: [
            {
              DeviceName: options.rootDeviceName,
              Ebs: { VolumeSize: options.diskGiB, VolumeType: options.diskType, DeleteOnTermination: true },
            },
          ],
        }),
    TagSpecifications: tagSpecifications(request),
  };
}

function marketInput(
  { market }: Pool,
  target: ReservationTarget | null,
): Pick<RunInstancesCommandInput, 'InstanceMarketOptions' | 'CapacityReservationSpecification'> {
  if (market === 'spot') {
    const spot = { SpotInstanceType: 'one-time', InstanceInterruptionBehavior: 'terminate' } as const;
    return { InstanceMarketOptions: { MarketType: 'spot', SpotOptions: spot } };
  }
  if (target === null) {
    // Else EC2 puts it into any open reservation that fits, and the machine is of another pool than it was launched into.
    return { CapacityReservationSpecification: { CapacityReservationPreference: 'none' } };
  }
  return {
    CapacityReservationSpecification: { CapacityReservationTarget: { CapacityReservationId: target.id } },
    ...(target.isBlock ? { InstanceMarketOptions: { MarketType: 'capacity-block' as const } } : {}),
  };
}

function tagSpecifications({ owner, idempotencyKey, tags }: LaunchRequest): TagSpecification[] {
  const list: Tag[] = [
    ...Object.entries(tags)
      .toSorted(([a], [b]) => (a < b ? -1 : 1))
      .map(([Key, Value]) => ({ Key, Value })),
    { Key: OWNER_TAG, Value: owner },
    { Key: ATTEMPT_TAG, Value: idempotencyKey },
  ];
  return [
    { ResourceType: 'instance', Tags: list },
    { ResourceType: 'volume', Tags: list },
    { ResourceType: 'network-interface', Tags: list },
  ];
}

export function profileOf(profile: string): { readonly Arn: string } | { readonly Name: string } {
  return profile.startsWith('arn:') ? { Arn: profile } : { Name: profile };
}

/** The SDK types instance types as an enumeration that is always behind the cloud; on the wire they are plain text. */
function readType(instanceType: string): NonNullable<RunInstancesCommandInput['InstanceType']> {
  return instanceType as NonNullable<RunInstancesCommandInput['InstanceType']>;
}

function invalid(message: string) {
  return providerError(ATTEMPTED, 'invalid-request', '', message);
}
