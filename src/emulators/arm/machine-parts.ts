import type { FrontResponse } from '../http/front.ts';
import type { World, WorldMachine, WorldPart } from '../world/contract.ts';
import { ArmRefusal, emptyAnswer } from './arm-answer.ts';
import type { MachineDetails } from './machines.ts';
import { machineId } from './machines.ts';
import type { Route } from './routes.ts';

/** ARM's types of what a machine is made of. */
export const PART_TYPES: Readonly<Record<WorldPart['kind'], string>> = {
  disk: 'Microsoft.Compute/disks',
  'network-interface': 'Microsoft.Network/networkInterfaces',
  address: 'Microsoft.Network/publicIPAddresses',
};

type NewPart = Pick<WorldPart, 'kind' | 'name' | 'tags'> & { readonly deleteOption: 'Delete' | 'Detach' | undefined };

/**
 * The disk, interface and address that come with a new machine. With `deleteOption: Delete` they go when the machine's record goes:
 * a machine whose launch failed keeps them until it is deleted.
 */
export function addParts(world: World, machine: WorldMachine, details: MachineDetails): void {
  const { subscription, resourceGroup } = details;
  for (const { deleteOption, ...part } of partsOf(details)) {
    world.addPart({
      ...part,
      cloud: 'azure',
      region: machine.pool.region,
      zone: details.regional ? null : machine.pool.zone,
      machine: machine.serial,
      life: deleteOption === 'Delete' ? 'with-its-record' : 'until-removed',
      details: { subscription, resourceGroup },
    });
  }
}

function partsOf(details: MachineDetails): readonly NewPart[] {
  const { body, name } = details;
  const { osDisk } = body.properties.storageProfile;
  const interfaces = body.properties.networkProfile.networkInterfaceConfigurations ?? [];
  return [
    // Implicit disks get the machine's tags, interfaces and addresses only their own.
    { kind: 'disk', name: osDisk.name ?? `${name}_OsDisk_1`, tags: body.tags, deleteOption: osDisk.deleteOption },
    ...interfaces.map((configuration) => ({
      kind: 'network-interface' as const,
      name: configuration.name,
      tags: configuration.tags ?? {},
      deleteOption: configuration.properties.deleteOption,
    })),
    ...interfaces
      .flatMap(({ properties }) => properties.ipConfigurations)
      .flatMap(({ properties }) => properties.publicIPAddressConfiguration ?? [])
      .map((address) => ({
        kind: 'address' as const,
        name: address.name,
        tags: address.tags ?? {},
        deleteOption: address.properties?.deleteOption,
      })),
  ];
}

export function partId(part: WorldPart): string {
  const { subscription, resourceGroup } = part.details;
  return `/subscriptions/${String(subscription)}/resourceGroups/${String(resourceGroup)}/providers/${PART_TYPES[part.kind]}/${part.name}`;
}

function isAt({ at }: Route, kind: WorldPart['kind'], part: WorldPart): boolean {
  const id = `/subscriptions/${at.subscription}/resourceGroups/${at.resourceGroup}/providers/${PART_TYPES[kind]}/${at.name}`;
  return part.kind === kind && partId(part).toLowerCase() === id.toLowerCase();
}

export function partAt(world: World, route: Route, kind: WorldPart['kind']): WorldPart | null {
  return world.parts('azure').find((part) => isAt(route, kind, part)) ?? null;
}

/** `DELETE` of a part: 204 where there is none, a refusal while a machine uses it. It is gone at once. */
export function removePart(world: World, route: Route, kind: WorldPart['kind']): FrontResponse {
  const part = partAt(world, route, kind);
  if (part === null) return emptyAnswer(204);
  const user = userOf(world, part);
  if (user !== null) throw inUse(part, user);
  world.removePart(part.serial);
  return emptyAnswer(202);
}

/** ARM id of the machine that uses the part; null = none. */
export function userOf(world: World, part: WorldPart): string | null {
  if (part.machine === null || !world.isInUse(part)) return null;
  const details = world.store<MachineDetails>('azure', 'machine-details').get(String(part.machine));
  return details === undefined ? null : machineId(details);
}

/** In the words that Azure has for each kind. */
function inUse(part: WorldPart, user: string): ArmRefusal {
  switch (part.kind) {
    case 'disk':
      return new ArmRefusal(409, 'OperationNotAllowed', `Disk ${part.name} is attached to VM ${user}.`);
    case 'network-interface':
      return new ArmRefusal(
        400,
        'NicInUse',
        `Network Interface ${partId(part)} is used by existing resource ${user}. In order to delete the network interface, it must be dissociated from the resource. To learn more, see aka.ms/deletenic.`,
      );
    case 'address':
      return new ArmRefusal(
        400,
        'PublicIPAddressCannotBeDeleted',
        `Public IP address ${partId(part)} can not be deleted since it is still allocated to resource ${user}.`,
      );
    default:
      return part.kind satisfies never;
  }
}
