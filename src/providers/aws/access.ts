/**
 * Tries every permission: EC2 with dry runs (`DryRun`), the others with reads that change nothing. Only one configured region is
 * asked: IAM policies are the account's. A mutation's dry run names an id that nothing has.
 */
import type { EC2Client, RunInstancesCommandInput } from '@aws-sdk/client-ec2';
import {
  CreateTagsCommand,
  DeleteNetworkInterfaceCommand,
  DeleteVolumeCommand,
  DescribeAddressesCommand,
  DescribeAvailabilityZonesCommand,
  DescribeCapacityBlockOfferingsCommand,
  DescribeCapacityReservationsCommand,
  DescribeInstancesCommand,
  DescribeInstanceTypeOfferingsCommand,
  DescribeInstanceTypesCommand,
  DescribeNetworkInterfacesCommand,
  DescribeSpotPriceHistoryCommand,
  DescribeVolumesCommand,
  GetSpotPlacementScoresCommand,
  PurchaseCapacityBlockCommand,
  ReleaseAddressCommand,
  RunInstancesCommand,
  TerminateInstancesCommand,
} from '@aws-sdk/client-ec2';
import { GetProductsCommand } from '@aws-sdk/client-pricing';
import { GetAWSDefaultServiceQuotaCommand, GetServiceQuotaCommand } from '@aws-sdk/client-service-quotas';
import { DeleteMessageBatchCommand, ReceiveMessageCommand } from '@aws-sdk/client-sqs';
import type { AccessCheck, Call } from '../provider.ts';
import { ProviderError } from '../provider.ts';
import type { AwsContext } from './context.ts';
import { ask } from './errors.ts';
import { QUOTA_CODES } from './instance-types.ts';
import { OWNER_TAG } from './instances.ts';
import { profileOf } from './launch.ts';
import type { Permission } from './permissions.ts';
import { NO_ID, PERMISSIONS } from './permissions.ts';
import { standardImage } from './settings.ts';

/** The GPU type that most regions sell. */
const COMMON_TYPE = 'g4dn.xlarge';
const DENIED: ReadonlySet<string> = new Set([
  'UnauthorizedOperation',
  'AccessDenied',
  'AccessDeniedException',
  'DependencyAccessDeniedException',
]);

interface Trial {
  readonly context: AwsContext;
  readonly region: string;
  readonly queueUrl: string | null;
  readonly call: Call;
}
type Options = { readonly abortSignal: AbortSignal };
type Verdict = Pick<AccessCheck, 'outcome' | 'message'>;

const ALLOWED: Verdict = { outcome: 'allowed', message: null };

export async function checkAccess(
  context: AwsContext,
  queues: Readonly<Record<string, string>>,
  call: Call,
): Promise<readonly AccessCheck[]> {
  // One with a queue, if there is any.
  const [first = ''] = context.regions;
  const region = context.regions.find((each) => queues[each] !== undefined) ?? first;
  const queueUrl = queues[region] ?? null;
  const trial = { context, region, queueUrl, call };
  const wanted = PERMISSIONS.filter(({ option }) => {
    if (option === undefined) return true;
    return option === 'iamInstanceProfile' ? context.options.iamInstanceProfile !== undefined : queueUrl !== null;
  });
  return Promise.all(
    wanted.map(async ({ permission, neededFor, required, ...more }) => ({
      ...{ permission, neededFor, required },
      ...(await verdictOn({ permission, neededFor, required, ...more }, trial)),
    })),
  );
}

async function verdictOn({ permission, operations, within }: Permission, trial: Trial): Promise<Verdict> {
  const tryIt = TRIALS[permission];
  if (tryIt === undefined) throw new RangeError(`no trial for ${permission}`);
  const operation = operations[0] ?? within ?? permission;
  const verdict = await verdictFrom(operation, trial, (options) => tryIt(trial, options));
  if (verdict.outcome !== 'missing') return verdict;
  return ofLaunch(permission, verdict, trial);
}

/**
 * A launch needs several permissions at once, and AWS's words name the one that is missing: the image's parameter is read first, then
 * the action itself is judged, then the tags, then the profile. One that is named means that those before it are there.
 */
const ORDER = ['ssm:GetParameters', 'ec2:RunInstances', 'ec2:PurchaseCapacityBlock', 'ec2:CreateTags', 'iam:PassRole'];

async function ofLaunch(permission: string, verdict: Verdict, trial: Trial): Promise<Verdict> {
  const named = /not authorized to perform: ([\w-]+:\w+)/.exec(verdict.message ?? '')?.[1] ?? permission;
  if (named === permission || !ORDER.includes(named)) return verdict;
  if (ORDER.indexOf(named) > ORDER.indexOf(permission)) return ALLOWED;
  if (permission !== 'ec2:CreateTags') return { outcome: 'unknown', message: verdict.message };
  const direct = await verdictFrom('CreateTags', trial, (options) => dryTag(trial, options));
  return direct.outcome === 'allowed' ? direct : { outcome: 'unknown', message: verdict.message };
}

async function verdictFrom(
  operation: string,
  { call }: Trial,
  send: (options: Options) => Promise<unknown>,
): Promise<Verdict> {
  try {
    await ask({ operation, mutating: false }, call, send);
    return ALLOWED;
  } catch (error) {
    if (!(error instanceof ProviderError)) throw error;
    if (DENIED.has(error.code)) return { outcome: 'missing', message: error.message };
    // Whatever else it finds wrong with the made-up request, it would have let us do it.
    if (error.kind === 'invalid-request' && error.code !== 'QueueDoesNotExist') return ALLOWED;
    return { outcome: 'unknown', message: error.message };
  }
}

function ec2Of({ context, region }: Trial): EC2Client {
  return context.clients.ec2(region);
}

const DRY = { DryRun: true } as const;
const TAGS = [{ Key: OWNER_TAG, Value: 'access-check' }];

function dryTag(trial: Trial, options: Options): Promise<unknown> {
  return ec2Of(trial).send(new CreateTagsCommand({ ...DRY, Resources: [`i-${NO_ID}`], Tags: TAGS }), options);
}

function dryLaunch(trial: Trial, changes: Partial<RunInstancesCommandInput>, options: Options): Promise<unknown> {
  const specifications = (['instance', 'volume', 'network-interface'] as const).map((type) => ({
    ResourceType: type,
    Tags: TAGS,
  }));
  const input = { InstanceType: COMMON_TYPE, MinCount: 1, MaxCount: 1, ImageId: `ami-${NO_ID}` } as const;
  return ec2Of(trial).send(
    new RunInstancesCommand({ ...DRY, ...input, TagSpecifications: specifications, ...changes }),
    options,
  );
}

const QUOTA = { ServiceCode: 'ec2', QuotaCode: QUOTA_CODES.onDemandG };

const TRIALS: Readonly<Record<string, (trial: Trial, options: Options) => Promise<unknown>>> = {
  'ec2:DescribeInstanceTypes': (trial, options) => ec2Of(trial).send(new DescribeInstanceTypesCommand(DRY), options),
  'ec2:DescribeInstanceTypeOfferings': (trial, options) =>
    ec2Of(trial).send(new DescribeInstanceTypeOfferingsCommand(DRY), options),
  'ec2:DescribeAvailabilityZones': (trial, options) =>
    ec2Of(trial).send(new DescribeAvailabilityZonesCommand(DRY), options),
  'ec2:DescribeSpotPriceHistory': (trial, options) =>
    ec2Of(trial).send(new DescribeSpotPriceHistoryCommand(DRY), options),
  'ec2:DescribeCapacityReservations': (trial, options) =>
    ec2Of(trial).send(new DescribeCapacityReservationsCommand(DRY), options),
  'ec2:DescribeInstances': (trial, options) => ec2Of(trial).send(new DescribeInstancesCommand(DRY), options),
  'ec2:DescribeVolumes': (trial, options) => ec2Of(trial).send(new DescribeVolumesCommand(DRY), options),
  'ec2:DescribeNetworkInterfaces': (trial, options) =>
    ec2Of(trial).send(new DescribeNetworkInterfacesCommand(DRY), options),
  'ec2:DescribeAddresses': (trial, options) => ec2Of(trial).send(new DescribeAddressesCommand(DRY), options),
  'ec2:GetSpotPlacementScores': (trial, options) =>
    ec2Of(trial).send(
      new GetSpotPlacementScoresCommand({ ...DRY, InstanceTypes: [COMMON_TYPE], TargetCapacity: 1 }),
      options,
    ),
  'ec2:DescribeCapacityBlockOfferings': (trial, options) =>
    ec2Of(trial).send(new DescribeCapacityBlockOfferingsCommand({ ...DRY, CapacityDurationHours: 24 }), options),
  'pricing:GetProducts': ({ context }, options) =>
    context.clients.pricing().send(
      new GetProductsCommand({
        ServiceCode: 'AmazonEC2',
        Filters: [{ Type: 'TERM_MATCH', Field: 'instanceType', Value: COMMON_TYPE }],
        FormatVersion: 'aws_v1',
        MaxResults: 1,
      }),
      options,
    ),
  'servicequotas:GetServiceQuota': ({ context, region }, options) =>
    context.clients.serviceQuotas(region).send(new GetServiceQuotaCommand(QUOTA), options),
  'servicequotas:GetAWSDefaultServiceQuota': ({ context, region }, options) =>
    context.clients.serviceQuotas(region).send(new GetAWSDefaultServiceQuotaCommand(QUOTA), options),
  'ec2:RunInstances': (trial, options) => dryLaunch(trial, {}, options),
  'ec2:CreateTags': (trial, options) => dryLaunch(trial, {}, options),
  'ssm:GetParameters': (trial, options) => dryLaunch(trial, { ImageId: standardImage('T4', 'x86_64') }, options),
  'iam:PassRole': (trial, options) =>
    dryLaunch(trial, { IamInstanceProfile: profileOf(trial.context.options.iamInstanceProfile ?? '') }, options),
  'ec2:TerminateInstances': (trial, options) =>
    ec2Of(trial).send(new TerminateInstancesCommand({ ...DRY, InstanceIds: [`i-${NO_ID}`] }), options),
  'ec2:DeleteVolume': (trial, options) =>
    ec2Of(trial).send(new DeleteVolumeCommand({ ...DRY, VolumeId: `vol-${NO_ID}` }), options),
  'ec2:DeleteNetworkInterface': (trial, options) =>
    ec2Of(trial).send(new DeleteNetworkInterfaceCommand({ ...DRY, NetworkInterfaceId: `eni-${NO_ID}` }), options),
  'ec2:ReleaseAddress': (trial, options) =>
    ec2Of(trial).send(new ReleaseAddressCommand({ ...DRY, AllocationId: `eipalloc-${NO_ID}` }), options),
  'ec2:PurchaseCapacityBlock': (trial, options) =>
    ec2Of(trial).send(
      new PurchaseCapacityBlockCommand({
        ...DRY,
        CapacityBlockOfferingId: `cb-${NO_ID}`,
        InstancePlatform: 'Linux/UNIX',
        TagSpecifications: [{ ResourceType: 'capacity-reservation', Tags: TAGS }],
      }),
      options,
    ),
  // Hidden for no time at all: whoever reads next gets it.
  'sqs:ReceiveMessage': ({ context, region, queueUrl }, options) =>
    context.clients
      .sqs(region)
      .send(
        new ReceiveMessageCommand({ QueueUrl: queueUrl ?? '', MaxNumberOfMessages: 1, VisibilityTimeout: 0 }),
        options,
      ),
  // A handle that no message has.
  'sqs:DeleteMessage': ({ context, region, queueUrl }, options) =>
    context.clients.sqs(region).send(
      new DeleteMessageBatchCommand({
        QueueUrl: queueUrl ?? '',
        Entries: [{ Id: '0', ReceiptHandle: 'access-check' }],
      }),
      options,
    ),
};
