import type { GcpOptions } from './settings.ts';

/** A permission of the custom role that the broker needs in its project. */
export interface NeededPermission {
  readonly permission: string;
  /** The calls that ask for it, as the adapter names them in errors. */
  readonly operations: readonly string[];
  readonly neededFor: string;
  /** False: the broker works without it, but knows less. */
  readonly required: boolean;
  /** Only with options that use it; always where missing. */
  readonly when?: (options: GcpOptions) => boolean;
}

function required(permission: string, operation: string, neededFor: string): NeededPermission {
  return { permission, operations: [operation], neededFor, required: true };
}

function useful(permission: string, operation: string, neededFor: string): NeededPermission {
  return { permission, operations: [operation], neededFor, required: false };
}

const INSERT = 'instances.insert';

/**
 * Every permission that some call of this adapter asks for. `config/permissions/gcp-role.yaml` is made from it. Source: the permissions that
 * Compute Engine's, Cloud Quotas' and IAM's references name for each method. The price list needs none in the project.
 */
export const PERMISSIONS: readonly NeededPermission[] = [
  required('compute.regions.get', 'regions.get', 'zones and quotas of a region'),
  required('compute.projects.get', 'projects.get', 'the quota of all GPUs of the project'),
  required('compute.machineTypes.list', 'machineTypes.aggregatedList', 'knowing what is sold where'),
  required('compute.acceleratorTypes.list', 'acceleratorTypes.aggregatedList', 'knowing which GPUs a zone has'),
  {
    ...required('compute.instances.list', 'instances.aggregatedList', 'finding every machine of ours'),
  },
  required('compute.instances.get', 'instances.get', 'following one machine'),
  required('compute.zoneOperations.list', 'zoneOperations.list', 'learning why a launch failed'),
  required('compute.instances.create', INSERT, 'launching'),
  required('compute.instances.setLabels', INSERT, 'launching with the labels that machines are found by'),
  required('compute.instances.setMetadata', INSERT, 'launching with a boot script'),
  required('compute.disks.create', INSERT, 'launching with a boot disk'),
  required('compute.disks.setLabels', INSERT, 'labels on the boot disk, by which it is found if it is left behind'),
  required('compute.subnetworks.use', INSERT, 'launching in the network'),
  {
    ...required(
      'compute.subnetworks.useExternalIp',
      INSERT,
      'launching with a public address (option externalAddress)',
    ),
    when: ({ externalAddress }) => externalAddress,
  },
  {
    ...required('compute.instances.setTags', INSERT, 'launching with network tags (option networkTags)'),
    when: ({ networkTags }) => networkTags.length > 0,
  },
  {
    ...required('compute.instances.setServiceAccount', INSERT, 'machines with an identity (option serviceAccount)'),
    when: ({ serviceAccount }) => serviceAccount !== null,
  },
  {
    ...required('iam.serviceAccounts.actAs', INSERT, 'machines with an identity (option serviceAccount)'),
    when: ({ serviceAccount }) => serviceAccount !== null,
  },
  required('compute.instances.delete', 'instances.delete', 'ending machines'),
  required('compute.disks.list', 'disks.aggregatedList', 'finding disks that were left behind'),
  required('compute.disks.delete', 'disks.delete', 'removing disks that were left behind'),
  useful('compute.addresses.list', 'addresses.aggregatedList', 'finding addresses that were left behind'),
  useful('compute.addresses.delete', 'addresses.delete', 'removing addresses that were left behind'),
  useful('compute.reservations.list', 'reservations.aggregatedList', 'offering reserved capacity'),
  useful('compute.globalOperations.list', 'globalOperations.aggregatedList', 'hearing of preemptions early'),
  useful('compute.advice.capacity', 'advice.capacity', 'the cloud’s own advice about spot capacity'),
  useful('cloudquotas.quotas.get', 'cloudQuotas.listQuotaInfos', 'limits of H100 and newer families'),
];

/** Those that the options make use of. */
export function permissionsFor(options: GcpOptions): readonly NeededPermission[] {
  return PERMISSIONS.filter(({ when }) => when === undefined || when(options));
}

/** The text of `config/permissions/gcp-role.yaml`: a definition that `gcloud iam roles create --file` takes. */
export function customRoleYaml(): string {
  const permissions = PERMISSIONS.toSorted((a, b) => (a.permission < b.permission ? -1 : 1));
  return [
    '# A custom role for the project that the broker launches in:',
    '#   gcloud iam roles create gpuBroker --project=PROJECT --file=config/permissions/gcp-role.yaml',
    '# Made from src/providers/gcp/permissions.ts; a test keeps the two alike.',
    'title: GPU broker',
    'description: What gpu-broker needs to keep GPU machines placed in this project',
    'stage: GA',
    'includedPermissions:',
    ...permissions.flatMap(({ permission, neededFor, required: isRequired }) => [
      `  # ${isRequired ? '' : 'optional: '}${neededFor}`,
      `  - ${permission}`,
    ]),
    '',
  ].join('\n');
}
