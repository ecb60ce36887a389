/** Where a permission has to hold. */
export type PermissionScope = 'subscription' | 'resource-group' | 'subnet';

/** One permission that the adapter's requests need. */
export interface PermissionRow {
  readonly permission: string;
  readonly scope: PermissionScope;
  /** The requests that need it, named as the request log and the errors name them. */
  readonly operations: readonly string[];
  readonly neededFor: string;
  /** False: the broker works without it, but knows less. */
  readonly required: boolean;
  /** Only with this setting; null = always. */
  readonly onlyWith: 'securityGroupIds' | 'publicAddress' | 'identityIds' | null;
}

function row(
  permission: string,
  scope: PermissionScope,
  operations: readonly string[],
  neededFor: string,
  more: Partial<Pick<PermissionRow, 'required' | 'onlyWith'>> = {},
): PermissionRow {
  return { permission, scope, operations, neededFor, required: true, onlyWith: null, ...more };
}

const LAUNCH = 'virtualMachines.createOrUpdate';

/**
 * All that the adapter does at Azure, by permission; names from Azure's list of resource provider operations. Resource Graph and the
 * polling of operations need none of their own: they tell what the identity may read. `config/permissions/azure-role.json` is made of this.
 */
export const PERMISSIONS: readonly PermissionRow[] = [
  row(
    'Microsoft.Compute/virtualMachines/read',
    'subscription',
    ['virtualMachines.get', 'virtualMachines.listByLocation'],
    'finding the machines that the broker owns, and their state',
  ),
  row('Microsoft.Compute/virtualMachines/write', 'resource-group', [LAUNCH], 'starting machines'),
  row('Microsoft.Compute/virtualMachines/delete', 'resource-group', ['virtualMachines.delete'], 'ending machines'),
  row('Microsoft.Compute/disks/delete', 'resource-group', ['disks.delete'], 'removing disks that were left behind'),
  row('Microsoft.Compute/disks/read', 'subscription', ['resources.list'], 'finding disks that were left behind'),
  row(
    'Microsoft.Network/networkInterfaces/delete',
    'resource-group',
    ['networkInterfaces.delete'],
    'removing network interfaces that were left behind',
  ),
  row(
    'Microsoft.Network/networkInterfaces/read',
    'subscription',
    ['resources.list'],
    'finding network interfaces that were left behind',
  ),
  row(
    'Microsoft.Network/networkInterfaces/write',
    'resource-group',
    [LAUNCH],
    'giving each machine a network interface of its own',
  ),
  row(
    'Microsoft.Network/networkInterfaces/join/action',
    'resource-group',
    [LAUNCH],
    'attaching the network interface to the machine',
  ),
  row(
    'Microsoft.Network/virtualNetworks/subnets/join/action',
    'subnet',
    [LAUNCH],
    'putting machines into the configured subnets',
  ),
  row(
    'Microsoft.Network/publicIPAddresses/delete',
    'resource-group',
    ['publicIPAddresses.delete'],
    'removing public addresses that were left behind',
  ),
  row(
    'Microsoft.Network/publicIPAddresses/read',
    'subscription',
    ['resources.list'],
    'finding public addresses that were left behind',
  ),
  row(
    'Microsoft.Network/publicIPAddresses/write',
    'resource-group',
    [LAUNCH],
    'giving each machine a public address (publicAddress)',
    { onlyWith: 'publicAddress' },
  ),
  row(
    'Microsoft.Network/publicIPAddresses/join/action',
    'resource-group',
    [LAUNCH],
    'attaching the public address to the machine (publicAddress)',
    { onlyWith: 'publicAddress' },
  ),
  row(
    'Microsoft.Network/networkSecurityGroups/join/action',
    'subscription',
    [LAUNCH],
    'putting machines behind the configured security groups (securityGroupIds)',
    { onlyWith: 'securityGroupIds' },
  ),
  row(
    'Microsoft.ManagedIdentity/userAssignedIdentities/assign/action',
    'subscription',
    [LAUNCH],
    'running machines as the configured identities (identityIds)',
    { onlyWith: 'identityIds' },
  ),
  row('Microsoft.Compute/skus/read', 'subscription', ['resourceSkus.list'], 'knowing which sizes are sold where'),
  row('Microsoft.Compute/locations/usages/read', 'subscription', ['usage.list'], 'knowing quotas and their use'),
  row(
    'Microsoft.Resources/subscriptions/resources/read',
    'subscription',
    ['resources.list'],
    'finding what was left behind, and reserved capacity, region by region',
  ),
  row(
    'Microsoft.Compute/capacityReservationGroups/read',
    'subscription',
    ['resources.list', 'capacityReservationGroups.get'],
    'offering capacity that was reserved',
    { required: false },
  ),
  row(
    'Microsoft.Compute/capacityReservationGroups/capacityReservations/read',
    'subscription',
    ['capacityReservations.listByCapacityReservationGroup'],
    'offering capacity that was reserved',
    { required: false },
  ),
  row(
    'Microsoft.Compute/capacityReservationGroups/deploy/action',
    'subscription',
    [LAUNCH],
    'starting machines in capacity that was reserved',
    { required: false },
  ),
  row(
    'Microsoft.Compute/locations/placementScores/generate/action',
    'subscription',
    ['placementScores.generate'],
    'asking how likely spot machines can be had',
    { required: false },
  ),
  row(
    'Microsoft.Resources/subscriptions/providers/read',
    'subscription',
    ['providers.get'],
    'telling whether the resource providers are registered',
    { required: false },
  ),
];

/** What `providers check` itself needs; it cannot say of itself that it is missing. */
export const PERMISSION_TO_CHECK = {
  permission: 'Microsoft.Authorization/permissions/read',
  operations: ['permissions.list'],
} as const;

/** Resource providers that the subscription must have registered. */
export const RESOURCE_PROVIDERS: readonly string[] = ['Microsoft.Compute', 'Microsoft.Network'];

/** A custom role of Azure's with exactly these permissions; the subscription is for the operator to fill in. */
export function customRole(): unknown {
  return {
    Name: 'GPU Broker',
    IsCustom: true,
    Description:
      'What gpu-broker does in a subscription: buying GPU machines, watching them, and clearing up behind them.',
    Actions: [...PERMISSIONS.map(({ permission }) => permission), PERMISSION_TO_CHECK.permission].toSorted(),
    NotActions: [],
    DataActions: [],
    NotDataActions: [],
    AssignableScopes: ['/subscriptions/00000000-0000-0000-0000-000000000000'],
  };
}
