import type { FrontResponse } from '../http/front.ts';
import type { World } from '../world/contract.ts';
import { ArmRefusal, guidOf, jsonAnswer } from './arm-answer.ts';
import type { MachineBody } from './machine-body.ts';
import type { Route } from './routes.ts';
import { ACTIONS } from './routes.ts';

/** Permissions on other resources that a machine refers to, which ARM checks together with the machine's own. */
const LINKED = {
  interfaceWrite: 'Microsoft.Network/networkInterfaces/write',
  interface: 'Microsoft.Network/networkInterfaces/join/action',
  addressWrite: 'Microsoft.Network/publicIPAddresses/write',
  subnet: 'Microsoft.Network/virtualNetworks/subnets/join/action',
  securityGroup: 'Microsoft.Network/networkSecurityGroups/join/action',
  address: 'Microsoft.Network/publicIPAddresses/join/action',
  identity: 'Microsoft.ManagedIdentity/userAssignedIdentities/assign/action',
  reservation: 'Microsoft.Compute/capacityReservationGroups/deploy/action',
} as const;

/** ARM's own list leaves out what the identity may not read. */
const READ_ACTIONS: Readonly<Record<string, string>> = {
  'microsoft.compute/disks': 'Microsoft.Compute/disks/read',
  'microsoft.network/networkinterfaces': 'Microsoft.Network/networkInterfaces/read',
  'microsoft.network/publicipaddresses': 'Microsoft.Network/publicIPAddresses/read',
  'microsoft.compute/capacityreservationgroups': 'Microsoft.Compute/capacityReservationGroups/read',
};

export function mayRead(world: World, type: string): boolean {
  const action = READ_ACTIONS[type.toLowerCase()];
  return action === undefined || !world.isDenied('azure', action);
}

/** Throws an ArmRefusal where the account's identity may not do what the request asks. */
export function checkAccess(world: World, route: Route, scope: string): void {
  const { action } = route;
  if (action === null || !world.isDenied('azure', action)) return;
  throw new ArmRefusal(403, 'AuthorizationFailed', `${client(world)} ${denial(action, scope)}`);
}

export function checkLinkedAccess(world: World, body: MachineBody): void {
  for (const { action, scope } of linkedOf(body)) {
    if (world.isDenied('azure', action))
      throw new ArmRefusal(
        403,
        'LinkedAuthorizationFailed',
        `${client(world)} has permission to perform action 'Microsoft.Compute/virtualMachines/write'; however, it ${denial(action, scope)}`,
      );
  }
}

function linkedOf({
  identity,
  properties,
}: MachineBody): readonly { readonly action: string; readonly scope: string }[] {
  const interfaces = properties.networkProfile.networkInterfaceConfigurations ?? [];
  const addresses = interfaces.flatMap((one) => one.properties.ipConfigurations);
  const group = properties.capacityReservation?.capacityReservationGroup?.id;
  return [
    ...interfaces.flatMap(({ name: scope }) => [
      { action: LINKED.interfaceWrite, scope },
      { action: LINKED.interface, scope },
    ]),
    ...addresses.map((one) => ({ action: LINKED.subnet, scope: one.properties.subnet?.id ?? '' })),
    ...interfaces
      .flatMap((one) => one.properties.networkSecurityGroup?.id ?? [])
      .map((scope) => ({ action: LINKED.securityGroup, scope })),
    ...addresses
      .flatMap((one) => one.properties.publicIPAddressConfiguration?.name ?? [])
      .flatMap((scope) => [
        { action: LINKED.addressWrite, scope },
        { action: LINKED.address, scope },
      ]),
    ...Object.keys(identity?.userAssignedIdentities ?? {}).map((scope) => ({ action: LINKED.identity, scope })),
    ...(group === undefined ? [] : [{ action: LINKED.reservation, scope: group }]),
  ];
}

function client(world: World): string {
  const id = guidOf(world.seed, 'client');
  return `The client '${id}' with object id '${id}'`;
}

function denial(action: string, scope: string): string {
  return `does not have authorization to perform action '${action}' over scope '${scope}' or the scope is invalid. If access was recently granted, please refresh your credentials.`;
}

/** `GET {scope}/providers/Microsoft.Authorization/permissions`: everything but what the identity lacks, at any scope. */
export function listPermissions(world: World): FrontResponse {
  const notActions = [...ACTIONS, ...Object.values(LINKED), ...Object.values(READ_ACTIONS)].filter((action) =>
    world.isDenied('azure', action),
  );
  return jsonAnswer(200, { value: [{ actions: ['*'], notActions, dataActions: [], notDataActions: [] }] });
}

const PROVIDERS = ['Microsoft.Compute', 'Microsoft.Network', 'Microsoft.ResourceGraph'];

/** `GET providers/{namespace}`: registered, unless the world denies its registration. */
export function getProvider(world: World, { at }: Route): FrontResponse {
  const namespace = PROVIDERS.find((name) => name.toLowerCase() === at.name.toLowerCase());
  if (namespace === undefined)
    throw new ArmRefusal(404, 'InvalidResourceNamespace', `The resource namespace '${at.name}' is invalid.`);
  const registered = !world.isDenied('azure', `${namespace}/register/action`);
  return jsonAnswer(200, {
    id: `/subscriptions/${at.subscription}/providers/${namespace}`,
    namespace,
    registrationState: registered ? 'Registered' : 'NotRegistered',
  });
}
