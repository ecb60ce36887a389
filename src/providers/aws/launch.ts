import type { RunInstancesCommandInput, Tag, TagSpecification } from '@aws-sdk/client-ec2';
import { RunInstancesCommand } from '@aws-sdk/client-ec2';
import { poolScope } from '../../domain/sold-out.ts';
import type { Call, Instance, LaunchRequest, LaunchResult } from '../provider.ts';
import type { Clients } from './clients.ts';
import { classify, errorOf, PROVIDER_ID, providerError, refusalFrom, requirePart } from './errors.ts';
import { architectureOf } from './instance-types.ts';
import { ATTEMPT_TAG, findByToken, OWNER_TAG, toInstance } from './instances.ts';
import { unknownRegion } from './regions.ts';
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
  const input = runInstancesInput(options, request);
  const client = clients.ec2(region);
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
      return {
        instances: [],
        refusals: [{ count: request.count, refusal: refusalFrom(refusal, request.pool, code, message) }],
      };
    }
    const error = errorOf(thrown, ATTEMPTED);
    if (error.code !== 'IdempotentInstanceTerminated') throw error;
    return accountFor(request, await endedInstances(clients, request, call));
  }
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
    kind: 'capacity',
    scope: poolScope(request.pool),
    retryAfterSeconds: PARTIAL_RETRY_SECONDS,
    code: '',
    message: `EC2 started ${instances.length} of ${request.count} machines`,
  } as const;
  return { instances: ordered, refusals: [{ count: missing, refusal }] };
}

/**
 * The request depends on nothing but the attempt and the configuration, so that sending it again with the same token is the
 * same request. Throws `invalid-request` for what EC2 cannot do.
 */
export function runInstancesInput(options: AwsOptions, request: LaunchRequest): RunInstancesCommandInput {
  const { pool, count, idempotencyKey, userData } = request;
  const { region, zone, instanceType, market } = pool;
  if (pool.provider !== PROVIDER_ID) throw invalid(`the pool belongs to ${pool.provider}`);
  if (zone === null) throw invalid('the pool names no zone');
  if (market === 'reserved') throw invalid('reserved pools cannot be launched into');
  if (!Number.isInteger(count) || count < 1) throw invalid(`${count} machines cannot be started`);
  const subnet = options.subnets[zone];
  const groups = options.securityGroups[region];
  return {
    ClientToken: idempotencyKey,
    MinCount: 1,
    MaxCount: count,
    InstanceType: readType(instanceType),
    ImageId: imageFor(options, region, architectureOf(instanceType)),
    Placement: { AvailabilityZone: zone },
    ...(market === 'spot'
      ? {
          InstanceMarketOptions: {
            MarketType: 'spot',
            SpotOptions: { SpotInstanceType: 'one-time', InstanceInterruptionBehavior: 'terminate' },
          },
        }
      : {}),
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
              Ebs: { VolumeSize: options.diskGiB, VolumeType: 'gp3', DeleteOnTermination: true },
            },
          ],
        }),
    TagSpecifications: tagSpecifications(request),
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
  ];
}

function profileOf(profile: string): { readonly Arn: string } | { readonly Name: string } {
  return profile.startsWith('arn:') ? { Arn: profile } : { Name: profile };
}

/** The SDK types instance types as an enumeration that is always behind the cloud; on the wire they are plain text. */
function readType(instanceType: string): NonNullable<RunInstancesCommandInput['InstanceType']> {
  return instanceType as NonNullable<RunInstancesCommandInput['InstanceType']>;
}

function invalid(message: string) {
  return providerError(ATTEMPTED, 'invalid-request', '', message);
}
