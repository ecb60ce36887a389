/**
 * What the adapter must be allowed, as data. `checkAccess` tries each, `config/permissions/aws-policy.json` is generated from it
 * (`policyDocument`), and a test holds it against what the adapter really sends. IAM's names: Service Authorization Reference, 2026.
 */

/** The made-up id that dry runs name; the policy allows it, so that limits by tag do not get in the way of the check. */
export const NO_ID = '00000000000000000';

export interface Permission {
  /** IAM's name. */
  readonly permission: string;
  /** Requests that need it, as the request log names them; empty: needed by EC2 on our behalf, for the request named in `within`. */
  readonly operations: readonly string[];
  /** The request that it is a part of, where it has none of its own. */
  readonly within?: string;
  readonly neededFor: string;
  /** False: the broker works without it, but knows less or does less. */
  readonly required: boolean;
  /** Only needed with this option. */
  readonly option?: 'iamInstanceProfile' | 'interruptionQueues';
  readonly statement: Statement;
}

/** Which statement of the policy it belongs to. */
export type Statement =
  | 'Read'
  | 'Launch'
  | 'TagAtLaunch'
  | 'EndWhatIsTagged'
  | 'StandardImages'
  | 'PassMachineRole'
  | 'BuyCapacityBlocks'
  | 'ReadInterruptions';

function read(service: string, operation: string, neededFor: string, required = true): Permission {
  return { permission: `${service}:${operation}`, operations: [operation], neededFor, required, statement: 'Read' };
}

function end(operation: string, neededFor: string): Permission {
  return {
    permission: `ec2:${operation}`,
    operations: [operation],
    neededFor,
    required: true,
    statement: 'EndWhatIsTagged',
  };
}

export const PERMISSIONS: readonly Permission[] = [
  read('ec2', 'DescribeInstanceTypes', 'knowing which GPU machines a region has'),
  read('ec2', 'DescribeInstanceTypeOfferings', 'knowing which zones sell them'),
  read('ec2', 'DescribeAvailabilityZones', 'knowing zones by their ids'),
  read('ec2', 'DescribeSpotPriceHistory', 'spot prices'),
  read('ec2', 'DescribeCapacityReservations', 'offering reserved capacity, and launching into it'),
  read('pricing', 'GetProducts', 'on-demand prices'),
  read('servicequotas', 'GetServiceQuota', 'knowing the limits of the account'),
  read('servicequotas', 'GetAWSDefaultServiceQuota', 'limits that the account never changed'),
  read('ec2', 'DescribeInstances', 'finding machines, and counting what quotas are used up by'),
  read('ec2', 'DescribeVolumes', 'finding disks that were left behind'),
  read('ec2', 'DescribeNetworkInterfaces', 'finding network interfaces that were left behind'),
  read('ec2', 'DescribeAddresses', 'finding addresses that were left behind'),
  read('ec2', 'GetSpotPlacementScores', 'advice on spot capacity', false),
  read('ec2', 'DescribeCapacityBlockOfferings', 'listing Capacity Blocks', false),
  {
    permission: 'ec2:RunInstances',
    operations: ['RunInstances'],
    neededFor: 'starting machines',
    required: true,
    statement: 'Launch',
  },
  {
    permission: 'ec2:CreateTags',
    operations: [],
    within: 'RunInstances',
    neededFor: 'writing the owner on what a launch makes',
    required: true,
    statement: 'TagAtLaunch',
  },
  {
    permission: 'ssm:GetParameters',
    operations: [],
    within: 'RunInstances',
    neededFor: 'finding the newest standard image',
    required: true,
    statement: 'StandardImages',
  },
  {
    permission: 'iam:PassRole',
    operations: [],
    within: 'RunInstances',
    neededFor: 'giving machines the instance profile of the options',
    required: true,
    option: 'iamInstanceProfile',
    statement: 'PassMachineRole',
  },
  end('TerminateInstances', 'ending machines'),
  end('DeleteVolume', 'removing disks that were left behind'),
  end('DeleteNetworkInterface', 'removing network interfaces that were left behind'),
  end('ReleaseAddress', 'releasing addresses that were left behind'),
  {
    permission: 'ec2:PurchaseCapacityBlock',
    operations: ['PurchaseCapacityBlock'],
    neededFor: 'buying Capacity Blocks',
    required: false,
    statement: 'BuyCapacityBlocks',
  },
  {
    permission: 'sqs:ReceiveMessage',
    operations: ['ReceiveMessage'],
    neededFor: 'reading notices of interruptions',
    required: false,
    option: 'interruptionQueues',
    statement: 'ReadInterruptions',
  },
  {
    permission: 'sqs:DeleteMessage',
    operations: ['DeleteMessageBatch'],
    neededFor: 'reading notices of interruptions once',
    required: false,
    option: 'interruptionQueues',
    statement: 'ReadInterruptions',
  },
];
