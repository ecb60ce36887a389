/**
 * AWS's error codes as data: what each means, what else it makes pointless to try, and for how long. First row that matches
 * wins. Sources: the EC2, Pricing, Service Quotas and SQS API references (error code lists, 2026), and what Karpenter, SkyPilot and
 * dstack learnt of the codes in production.
 */
import type { ProviderErrorKind, Refusal } from '../provider.ts';

/**
 * How far a refusal reaches. `pool`: type × zone × market. `zone`: everything in the zone. `type-region`: the type in the
 * region's market. `family-quota`: every type that counts against the same quota. `region`; `spot-account`: all spot everywhere.
 */
export type RefusalReach = 'pool' | 'zone' | 'type-region' | 'family-quota' | 'region' | 'spot-account';

export interface RefusalRow {
  /** The vendor's code; a trailing `*` stands for any ending. */
  readonly code: string;
  /** A part of the message, without regard to case, where one code means several things. */
  readonly messageTerm?: string;
  readonly refusal: Refusal['kind'];
  readonly reach: RefusalReach;
  readonly retryAfterSeconds: number;
}

export interface ErrorRow {
  readonly code: string;
  readonly messageTerm?: string;
  readonly error: ProviderErrorKind;
  /** The cloud failed while at it: a mutation answered so may have been carried out. */
  readonly mayHaveHappened?: true;
  readonly retryAfterSeconds?: number;
}

export type CodeRow = RefusalRow | ErrorRow;

const MINUTE = 60;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;

const CAPACITY: readonly RefusalRow[] = [
  { code: 'InsufficientInstanceCapacity', refusal: 'capacity', reach: 'pool', retryAfterSeconds: 3 * MINUTE },
  { code: 'InsufficientHostCapacity', refusal: 'capacity', reach: 'pool', retryAfterSeconds: 3 * MINUTE },
  { code: 'InsufficientCapacity', refusal: 'capacity', reach: 'pool', retryAfterSeconds: 3 * MINUTE },
  { code: 'InsufficientCapacityOnHost', refusal: 'capacity', reach: 'pool', retryAfterSeconds: 3 * MINUTE },
  { code: 'UnfulfillableCapacity', refusal: 'capacity', reach: 'pool', retryAfterSeconds: 3 * MINUTE },
  // What the zone lacks for any machine: addresses and disks.
  { code: 'InsufficientFreeAddressesInSubnet', refusal: 'capacity', reach: 'zone', retryAfterSeconds: 5 * MINUTE },
  { code: 'InsufficientAddressCapacity', refusal: 'capacity', reach: 'zone', retryAfterSeconds: 5 * MINUTE },
  { code: 'InsufficientVolumeCapacity', refusal: 'capacity', reach: 'zone', retryAfterSeconds: 10 * MINUTE },
];

const RESERVATION: readonly RefusalRow[] = [
  { code: 'InsufficientReservedInstanceCapacity', refusal: 'reservation', reach: 'pool', retryAfterSeconds: MINUTE },
  { code: 'ReservationCapacityExceeded', refusal: 'reservation', reach: 'pool', retryAfterSeconds: MINUTE },
  // Cancelled or ended since it was listed.
  { code: 'InvalidCapacityReservationId.*', refusal: 'reservation', reach: 'pool', retryAfterSeconds: 10 * MINUTE },
];

const QUOTA: readonly RefusalRow[] = [
  { code: 'VcpuLimitExceeded', refusal: 'quota', reach: 'family-quota', retryAfterSeconds: 10 * MINUTE },
  { code: 'MaxSpotInstanceCountExceeded', refusal: 'quota', reach: 'family-quota', retryAfterSeconds: 10 * MINUTE },
  { code: 'InstanceLimitExceeded', refusal: 'quota', reach: 'type-region', retryAfterSeconds: 10 * MINUTE },
  { code: 'MaxFleetCountExceeded', refusal: 'quota', reach: 'region', retryAfterSeconds: 5 * MINUTE },
  { code: 'VolumeLimitExceeded', refusal: 'quota', reach: 'region', retryAfterSeconds: 10 * MINUTE },
  { code: 'MaxIOPSLimitExceeded', refusal: 'quota', reach: 'region', retryAfterSeconds: 10 * MINUTE },
];

const PRICE_AND_RESTRICTION: readonly RefusalRow[] = [
  { code: 'SpotMaxPriceTooLow', refusal: 'price', reach: 'pool', retryAfterSeconds: 10 * MINUTE },
  // Not offered in that zone: as lasting as a catalogue, and no shortage that could spread to others.
  { code: 'Unsupported', refusal: 'restricted', reach: 'pool', retryAfterSeconds: DAY },
  { code: 'PendingVerification', refusal: 'restricted', reach: 'region', retryAfterSeconds: 30 * MINUTE },
  { code: 'OptInRequired', refusal: 'restricted', reach: 'region', retryAfterSeconds: DAY },
  // The account lacks the role that spot needs; on-demand goes on.
  {
    code: 'AuthFailure.ServiceLinkedRoleCreationNotPermitted',
    refusal: 'restricted',
    reach: 'spot-account',
    retryAfterSeconds: HOUR,
  },
];

const THROTTLING: readonly ErrorRow[] = [
  { code: 'RequestLimitExceeded', error: 'rate-limited', retryAfterSeconds: 5 },
  { code: 'Throttling', error: 'rate-limited', retryAfterSeconds: 5 },
  { code: 'ThrottlingException', error: 'rate-limited', retryAfterSeconds: 5 },
  { code: 'ThrottledException', error: 'rate-limited', retryAfterSeconds: 5 },
  { code: 'EC2ThrottledException', error: 'rate-limited', retryAfterSeconds: 5 },
  { code: 'RequestThrottled', error: 'rate-limited', retryAfterSeconds: 5 },
  { code: 'RequestThrottledException', error: 'rate-limited', retryAfterSeconds: 5 },
  { code: 'TooManyRequestsException', error: 'rate-limited', retryAfterSeconds: 5 },
  { code: 'SlowDown', error: 'rate-limited', retryAfterSeconds: 5 },
  { code: 'OverLimit', error: 'rate-limited', retryAfterSeconds: 5 },
  { code: 'KmsThrottled', error: 'rate-limited', retryAfterSeconds: 5 },
  // Placement scores: so many different questions in 24 hours, and no more.
  { code: 'MaxConfigLimitExceeded', error: 'rate-limited', retryAfterSeconds: HOUR },
];

const TRANSIENT: readonly ErrorRow[] = [
  { code: 'ServiceUnavailable', error: 'unavailable' },
  { code: 'Unavailable', error: 'unavailable' },
  { code: 'InternalError', error: 'unavailable', mayHaveHappened: true },
  { code: 'InternalFailure', error: 'unavailable', mayHaveHappened: true },
  { code: 'ServerInternal', error: 'unavailable', mayHaveHappened: true },
  { code: 'InternalErrorException', error: 'unavailable', mayHaveHappened: true },
  { code: 'ServiceException', error: 'unavailable', mayHaveHappened: true },
  { code: 'ExpiredNextTokenException', error: 'unavailable' },
];

const AUTHORIZATION: readonly ErrorRow[] = [
  { code: 'AuthFailure', error: 'unauthorized' },
  { code: 'UnauthorizedOperation', error: 'unauthorized' },
  { code: 'AccessDenied', error: 'unauthorized' },
  { code: 'AccessDeniedException', error: 'unauthorized' },
  { code: 'DependencyAccessDeniedException', error: 'unauthorized' },
  { code: 'AWSServiceAccessNotEnabledException', error: 'unauthorized' },
  { code: 'ExpiredToken', error: 'unauthorized' },
  { code: 'ExpiredTokenException', error: 'unauthorized' },
  { code: 'RequestExpired', error: 'unauthorized' },
  { code: 'InvalidClientTokenId', error: 'unauthorized' },
  { code: 'InvalidClientToken', error: 'unauthorized' },
  { code: 'UnrecognizedClientException', error: 'unauthorized' },
  { code: 'MissingAuthenticationToken*', error: 'unauthorized' },
  { code: 'SignatureDoesNotMatch', error: 'unauthorized' },
  { code: 'InvalidSignatureException', error: 'unauthorized' },
  { code: 'IncompleteSignature*', error: 'unauthorized' },
  { code: 'Blocked', error: 'unauthorized' },
  { code: 'KmsAccessDenied', error: 'unauthorized' },
  // The SDK's own: it found no credentials at all, and sent nothing.
  { code: 'CredentialsProviderError', error: 'unauthorized' },
  { code: 'TokenProviderError', error: 'unauthorized' },
];

const CONFLICT: readonly ErrorRow[] = [
  { code: 'IdempotentParameterMismatch', error: 'conflict' },
  { code: 'IdempotentInstanceTerminated', error: 'conflict' },
  // Disks, interfaces and addresses that a machine uses.
  { code: 'VolumeInUse', error: 'conflict' },
  { code: 'InvalidNetworkInterface.InUse', error: 'conflict' },
  { code: 'InvalidIPAddress.InUse', error: 'conflict' },
  { code: 'IncorrectState', error: 'conflict' },
  { code: 'InvalidParameterValue', messageTerm: 'currently in use', error: 'conflict' },
];

const INVALID_REQUEST: readonly ErrorRow[] = [
  { code: 'InvalidParameter*', error: 'invalid-request' },
  { code: 'InvalidInput*', error: 'invalid-request' },
  { code: 'MissingParameter', error: 'invalid-request' },
  { code: 'MissingInput', error: 'invalid-request' },
  { code: 'UnknownParameter', error: 'invalid-request' },
  { code: 'ValidationError', error: 'invalid-request' },
  { code: 'ValidationException', error: 'invalid-request' },
  { code: 'IllegalArgumentException', error: 'invalid-request' },
  { code: 'InvalidAction', error: 'invalid-request' },
  { code: 'InvalidAMIID.*', error: 'invalid-request' },
  { code: 'InvalidLaunchTemplate*', error: 'invalid-request' },
  { code: 'InvalidUserData.Malformed', error: 'invalid-request' },
  { code: 'InvalidSubnet*', error: 'invalid-request' },
  { code: 'InvalidGroup*', error: 'invalid-request' },
  { code: 'InvalidSecurityGroup*', error: 'invalid-request' },
  { code: 'InvalidKeyPair.*', error: 'invalid-request' },
  { code: 'InvalidBlockDeviceMapping', error: 'invalid-request' },
  { code: 'InvalidInstanceType', error: 'invalid-request' },
  { code: 'InvalidInstanceID.*', error: 'invalid-request' },
  { code: 'InvalidVolume.*', error: 'invalid-request' },
  { code: 'InvalidVolumeID.*', error: 'invalid-request' },
  { code: 'InvalidNetworkInterfaceID.*', error: 'invalid-request' },
  { code: 'InvalidAllocationID.*', error: 'invalid-request' },
  { code: 'QueueDoesNotExist', error: 'invalid-request' },
  { code: 'AWS.SimpleQueueService.NonExistentQueue', error: 'invalid-request' },
  { code: 'InvalidAddress', error: 'invalid-request' },
  { code: 'ReceiptHandleIsInvalid', error: 'invalid-request' },
  // The answer to a dry run that would have been carried out.
  { code: 'DryRunOperation', error: 'invalid-request' },
  { code: 'InvalidNextToken*', error: 'invalid-request' },
  { code: 'InvalidPaginationTokenException', error: 'invalid-request' },
  { code: 'TagLimitExceeded', error: 'invalid-request' },
  { code: 'VPCIdNotSpecified', error: 'invalid-request' },
  { code: 'DefaultVpcDoesNotExist', error: 'invalid-request' },
  { code: 'UnsupportedOperation', error: 'invalid-request' },
  { code: 'OperationNotPermitted', error: 'invalid-request' },
  { code: 'NoSuchResourceException', error: 'invalid-request' },
  { code: 'NotFoundException', error: 'invalid-request' },
];

export const CODE_ROWS: readonly CodeRow[] = [
  ...CAPACITY,
  ...RESERVATION,
  ...QUOTA,
  ...PRICE_AND_RESTRICTION,
  ...THROTTLING,
  ...TRANSIENT,
  ...AUTHORIZATION,
  ...CONFLICT,
  ...INVALID_REQUEST,
];

/** The row for a code and message; null = a code nobody has met yet. */
export function findCodeRow(code: string, message: string): CodeRow | null {
  // Some answers name the side at fault in front: `Server.InsufficientInstanceCapacity`.
  const plain = code.replace(/^(Client|Server)\./, '');
  const words = message.toLowerCase();
  return (
    CODE_ROWS.find(
      (row) => matchesCode(row.code, plain) && (row.messageTerm === undefined || words.includes(row.messageTerm)),
    ) ?? null
  );
}

function matchesCode(pattern: string, code: string): boolean {
  return pattern.endsWith('*') ? code.startsWith(pattern.slice(0, -1)) : code === pattern;
}
