/** Every permission the adapter needs, with the operations that need it: `checkAccess` tries them, `config/permissions/` grants them. */
export interface PermissionRow {
  readonly permission: string;
  readonly operations: readonly string[];
  readonly neededFor: string;
  readonly required: boolean;
}

export const PERMISSIONS: readonly PermissionRow[] = [
  { permission: 'offers:read', operations: ['listOffers'], neededFor: 'knowing what is for sale', required: true },
];
