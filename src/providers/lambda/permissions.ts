/**
 * What can be tried without starting or ending anything. A key of Lambda's may do everything or nothing, as far as the reference tells
 * (1.10.0 has `global/forbidden` for two reads), so that reads are allowed is taken to speak for the rest. Names: `operationId`.
 */
export interface PermissionRow {
  readonly permission: string;
  readonly path: string;
  readonly neededFor: string;
  readonly required: boolean;
}

export const PERMISSIONS: readonly PermissionRow[] = [
  {
    permission: 'listInstanceTypes',
    path: '/api/v1/instance-types',
    neededFor: 'knowing what is for sale, and where there is capacity',
    required: true,
  },
  {
    permission: 'listInstances',
    path: '/api/v1/instances',
    neededFor: 'finding, following and ending the broker’s machines',
    required: true,
  },
  {
    permission: 'listSSHKeys',
    path: '/api/v1/ssh-keys',
    neededFor: 'launching: a launch names one SSH key of the account (options.sshKeyName)',
    required: true,
  },
  {
    permission: 'listRegions',
    path: '/api/v1/regions',
    neededFor: 'telling a region that Lambda does not have from one without capacity',
    required: false,
  },
];
