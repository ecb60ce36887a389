/** The IAM policy that allows what the adapter needs and nothing else: `config/permissions/aws-policy.json`. */
import { OWNER_TAG } from './instances.ts';
import type { Statement } from './permissions.ts';
import { NO_ID, PERMISSIONS } from './permissions.ts';

type Condition = Readonly<Record<string, Readonly<Record<string, string | readonly string[]>>>>;

interface Scope {
  readonly sid: string;
  readonly statement: Statement;
  readonly resources: readonly string[];
  readonly condition?: Condition;
}

const HAS_OWNER = { Null: { [`aws:ResourceTag/${OWNER_TAG}`]: 'false' } } as const;
const GIVES_OWNER = { Null: { [`aws:RequestTag/${OWNER_TAG}`]: 'false' } } as const;
const ENDED = ['instance', 'volume', 'network-interface', 'elastic-ip'];
const MADE_UP = [
  `instance/i-${NO_ID}`,
  `volume/vol-${NO_ID}`,
  `network-interface/eni-${NO_ID}`,
  `elastic-ip/eipalloc-${NO_ID}`,
];

/** Mutations are limited to what carries, or is given, the owner's tag, where IAM can tell. */
const SCOPES: readonly Scope[] = [
  { sid: 'Read', statement: 'Read', resources: ['*'] },
  {
    sid: 'LaunchWithOwner',
    statement: 'Launch',
    resources: ec2(['instance/*', 'volume/*', 'network-interface/*']),
    condition: GIVES_OWNER,
  },
  {
    sid: 'LaunchWhereAndWhat',
    statement: 'Launch',
    resources: [
      'arn:aws:ec2:*::image/*',
      'arn:aws:ec2:*::snapshot/*',
      ...ec2(['subnet/*', 'security-group/*', 'key-pair/*', 'capacity-reservation/*', 'spot-instances-request/*']),
    ],
  },
  {
    sid: 'TagAtLaunch',
    statement: 'TagAtLaunch',
    resources: ec2(['*/*']),
    condition: { StringEquals: { 'ec2:CreateAction': ['RunInstances', 'PurchaseCapacityBlock'] } },
  },
  {
    sid: 'EndWhatHasOwner',
    statement: 'EndWhatIsTagged',
    resources: ec2(ENDED.map((kind) => `${kind}/*`)),
    condition: HAS_OWNER,
  },
  // Nothing has these ids: "providers check" tries with them whether ending is allowed.
  { sid: 'EndNothing', statement: 'EndWhatIsTagged', resources: ec2(MADE_UP) },
  {
    sid: 'StandardImages',
    statement: 'StandardImages',
    resources: ['arn:aws:ssm:*::parameter/aws/service/deeplearning/*'],
  },
  {
    sid: 'PassMachineRole',
    statement: 'PassMachineRole',
    resources: ['arn:aws:iam::*:role/gpu-broker-*'],
    condition: { StringEquals: { 'iam:PassedToService': 'ec2.amazonaws.com' } },
  },
  {
    sid: 'BuyCapacityBlocks',
    statement: 'BuyCapacityBlocks',
    resources: ['*'],
    condition: GIVES_OWNER,
  },
  { sid: 'ReadInterruptions', statement: 'ReadInterruptions', resources: ['arn:aws:sqs:*:*:gpu-broker-*'] },
];

function ec2(resources: readonly string[]): readonly string[] {
  return resources.map((resource) => `arn:aws:ec2:*:*:${resource}`);
}

export interface PolicyDocument {
  readonly Version: '2012-10-17';
  readonly Statement: readonly {
    readonly Sid: string;
    readonly Effect: 'Allow';
    readonly Action: readonly string[];
    readonly Resource: readonly string[];
    readonly Condition?: Condition;
  }[];
}

export function policyDocument(): PolicyDocument {
  return {
    Version: '2012-10-17',
    Statement: SCOPES.map(({ sid, statement, resources, condition }) => ({
      Sid: sid,
      Effect: 'Allow',
      Action: PERMISSIONS.filter((permission) => permission.statement === statement)
        .map(({ permission }) => permission)
        .toSorted(),
      Resource: resources,
      ...(condition === undefined ? {} : { Condition: condition }),
    })),
  };
}
