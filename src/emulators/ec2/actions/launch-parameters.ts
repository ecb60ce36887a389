/** Checks what RunInstances is asked for, in EC2's words, before anything is launched. */
import type { RunInstancesRequest, TagSpecification } from '@aws-sdk/client-ec2';
import type { MicroUsdPerHour } from '../../../domain/money.ts';
import { parseUsd } from '../../../domain/money.ts';
import type { Architecture } from '../../../domain/offer.ts';
import type { InstanceTypeFact, WorldMarket } from '../../world/market-facts.ts';
import { badRequest } from '../vendor-error.ts';
import type { ActionContext } from './action.ts';

export interface LaunchParameters {
  readonly type: InstanceTypeFact;
  readonly market: WorldMarket;
  /** Null = the highest price one can be asked: on-demand. */
  readonly maxPriceMicroUsdPerHour: MicroUsdPerHour | null;
  /** Null = EC2 chooses. */
  readonly zone: string | null;
  readonly minCount: number;
  readonly maxCount: number;
  readonly imageId: string;
  readonly userData: string | null;
  readonly tags: Readonly<Record<string, string>>;
  readonly volumeTags: Readonly<Record<string, string>>;
  readonly interfaceTags: Readonly<Record<string, string>>;
  readonly volumeDeletedOnTermination: boolean;
  /** The capacity reservation to launch into; null = none. */
  readonly capacityReservation: string | null;
}

/** What this EC2 carries out or may ignore without harm; anything else would silently buy something other than asked for. */
const SUPPORTED: ReadonlySet<string> = new Set<keyof RunInstancesRequest>([
  'BlockDeviceMappings',
  'CapacityReservationSpecification',
  'ClientToken',
  'DryRun',
  'EbsOptimized',
  'IamInstanceProfile',
  'ImageId',
  'InstanceInitiatedShutdownBehavior',
  'InstanceMarketOptions',
  'InstanceType',
  'KeyName',
  'MaxCount',
  'MetadataOptions',
  'MinCount',
  'Monitoring',
  'Placement',
  'SecurityGroupIds',
  'SubnetId',
  'TagSpecifications',
  'UserData',
]);

/** EC2's limit on user data, before base64. */
const USER_DATA_BYTES = 16_384;
const TAGGABLE: ReadonlySet<string> = new Set([
  'instance',
  'volume',
  'network-interface',
  'spot-instances-request',
  'capacity-reservation',
]);

export function readLaunchParameters(context: ActionContext, input: RunInstancesRequest): LaunchParameters {
  const unsupported = Object.keys(input).find((name) => !SUPPORTED.has(name));
  if (unsupported !== undefined) {
    throw badRequest('UnsupportedOperation', `The emulated EC2 does not carry out the parameter ${unsupported}`);
  }
  const { minCount, maxCount } = readCounts(input);
  const type = readType(context, input.InstanceType);
  checkNetwork(input);
  return {
    type,
    ...readMarket(input),
    zone: readZone(context, input.Placement?.AvailabilityZone),
    minCount,
    maxCount,
    imageId: readImage(input.ImageId, type.architecture),
    userData: readUserData(input.UserData),
    tags: tagsFor('instance', input.TagSpecifications),
    volumeTags: tagsFor('volume', input.TagSpecifications),
    interfaceTags: tagsFor('network-interface', input.TagSpecifications),
    volumeDeletedOnTermination: input.BlockDeviceMappings?.[0]?.Ebs?.DeleteOnTermination ?? true,
    capacityReservation: readReservation(context, input, type.name),
  };
}

/** A machine goes into a reservation only when its id is named, and into a block only with the block's own market type. */
function readReservation({ world, region }: ActionContext, input: RunInstancesRequest, type: string): string | null {
  const isBlock = input.InstanceMarketOptions?.MarketType === 'capacity-block';
  const id = input.CapacityReservationSpecification?.CapacityReservationTarget?.CapacityReservationId;
  if (id === undefined) {
    if (!isBlock) return null;
    throw badRequest('InvalidParameterCombination', 'A capacity block must be named by CapacityReservationId.');
  }
  const reservation = world.reservations('aws').find((known) => known.id === id && known.region === region.name);
  if (reservation === undefined) {
    throw badRequest('InvalidCapacityReservationId.NotFound', `The capacity reservation ID '${id}' does not exist`);
  }
  const zone = input.Placement?.AvailabilityZone;
  if (reservation.instanceType !== type || (zone !== undefined && zone !== reservation.zone)) {
    throw badRequest(
      'InvalidParameterValue',
      `The capacity reservation '${id}' is of ${reservation.instanceType} in ${reservation.zone}.`,
    );
  }
  if ((reservation.kind === 'block') !== isBlock) {
    throw badRequest(
      'InvalidParameterCombination',
      `The capacity reservation '${id}' ${isBlock ? 'is no' : 'is a'} Capacity Block: MarketType must be ${isBlock ? 'left out' : 'capacity-block'}.`,
    );
  }
  return id;
}

function readCounts(input: RunInstancesRequest): { minCount: number; maxCount: number } {
  const { MinCount: minCount = 0, MaxCount: maxCount = 0 } = input;
  if (!Number.isInteger(minCount) || minCount < 1) {
    throw badRequest(
      'InvalidParameterValue',
      `Value (${minCount}) for parameter minCount is invalid. Expected a positive integer.`,
    );
  }
  if (!Number.isInteger(maxCount) || maxCount < minCount) {
    throw badRequest(
      'InvalidParameterValue',
      `Value (${maxCount}) for parameter maxCount is invalid. It must not be below minCount.`,
    );
  }
  return { minCount, maxCount };
}

function readType({ world }: ActionContext, name: string | undefined): InstanceTypeFact {
  const type = name === undefined ? null : world.instanceType('aws', name);
  if (type === null) throw badRequest('InvalidParameterValue', `Invalid value '${name ?? ''}' for InstanceType.`);
  return type;
}

function readMarket(input: RunInstancesRequest): Pick<LaunchParameters, 'market' | 'maxPriceMicroUsdPerHour'> {
  const options = input.InstanceMarketOptions;
  if (options?.MarketType === undefined) return { market: 'on-demand', maxPriceMicroUsdPerHour: null };
  if (options.MarketType === 'capacity-block') return { market: 'on-demand', maxPriceMicroUsdPerHour: null };
  if (options.MarketType !== 'spot') {
    throw badRequest('UnsupportedOperation', `The emulated EC2 does not sell the market type ${options.MarketType}`);
  }
  const { MaxPrice: maxPrice, SpotInstanceType: kind = 'one-time' } = options.SpotOptions ?? {};
  if (kind !== 'one-time') {
    throw badRequest('UnsupportedOperation', 'The emulated EC2 carries out one-time spot requests only');
  }
  return { market: 'spot', maxPriceMicroUsdPerHour: maxPrice === undefined ? null : readPrice(maxPrice) };
}

function readPrice(text: string): MicroUsdPerHour {
  try {
    const price = parseUsd(text);
    if (price > 0) return price;
  } catch {
    // Falls through to EC2's own words.
  }
  throw badRequest(
    'InvalidParameterValue',
    `Invalid value '${text}' for spotPrice. It must be a positive decimal number.`,
  );
}

function readZone({ region }: ActionContext, zone: string | undefined): string | null {
  if (zone === undefined) return null;
  if (region.zones.some(({ name }) => name === zone)) return zone;
  throw badRequest('InvalidParameterValue', `Invalid availability zone: [${zone}]`);
}

function readImage(imageId: string | undefined, architecture: Architecture): string {
  if (imageId === undefined) throw badRequest('MissingParameter', 'The request must contain the parameter ImageId');
  if (/^ami-([0-9a-f]{8}|[0-9a-f]{17})$/.test(imageId)) return imageId;
  if (!/^resolve:ssm:[\w./-]+$/.test(imageId)) {
    throw badRequest('InvalidAMIID.Malformed', `Invalid id: "${imageId}" (expecting "ami-...")`);
  }
  const built = /\/(x86_64|arm64)\//.exec(imageId)?.[1] ?? architecture;
  if (built !== architecture) {
    throw badRequest(
      'InvalidParameterValue',
      `The architecture '${architecture}' of the specified instance type does not match the architecture '${built}' of the specified AMI.`,
    );
  }
  return imageId;
}

function readUserData(encoded: string | undefined): string | null {
  if (encoded === undefined || encoded === '') return null;
  if (!/^[A-Za-z0-9+/\s]*={0,2}\s*$/.test(encoded)) {
    throw badRequest('InvalidUserData.Malformed', 'Invalid BASE64 encoding of user data.');
  }
  const bytes = Buffer.from(encoded, 'base64');
  if (bytes.length > USER_DATA_BYTES) {
    throw badRequest('InvalidParameterValue', `User data is limited to ${USER_DATA_BYTES} bytes`);
  }
  return bytes.toString('utf8');
}

function checkNetwork(input: RunInstancesRequest): void {
  const { SubnetId: subnet, SecurityGroupIds: groups = [] } = input;
  if (subnet !== undefined && !subnet.startsWith('subnet-')) {
    throw badRequest('InvalidSubnetID.NotFound', `The subnet ID '${subnet}' does not exist`);
  }
  const wrong = groups.find((group) => !group.startsWith('sg-'));
  if (wrong !== undefined) {
    throw badRequest('InvalidGroup.NotFound', `The security group '${wrong}' does not exist`);
  }
}

/** The tags for one kind of resource; throws EC2's words for any that it would not take. */
export function tagsFor(
  resource: string,
  specifications: readonly TagSpecification[] | undefined,
): Readonly<Record<string, string>> {
  const seen = new Set<string>();
  const tags: Record<string, string> = {};
  for (const { ResourceType: type = '', Tags: list = [] } of specifications ?? []) {
    if (!TAGGABLE.has(type)) {
      throw badRequest('InvalidParameterValue', `'${type}' is not a valid taggable resource type for this operation.`);
    }
    if (seen.has(type)) throw badRequest('InvalidParameterValue', `Duplicate tag specification for ${type}`);
    seen.add(type);
    if (list.length > 50) throw badRequest('TagLimitExceeded', 'The maximum number of tags on a resource is 50');
    for (const { Key: key = '', Value: value = '' } of list) {
      checkTag(key, value);
      if (type === resource) tags[key] = value;
    }
  }
  return tags;
}

function checkTag(key: string, value: string): void {
  if (key.startsWith('aws:')) {
    throw badRequest('InvalidParameterValue', `Tag keys starting with 'aws:' are reserved for internal use`);
  }
  if (key.length < 1 || key.length > 128 || value.length > 256) {
    throw badRequest('InvalidParameterValue', `Tag '${key}' is too long: keys have at most 128, values 256 characters`);
  }
}
