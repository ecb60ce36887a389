import type { EpochMs } from '../../domain/time.ts';
import type { MachineState, World, WorldMachine } from '../world/contract.ts';
import { ArmRefusal, guidOf } from './arm-answer.ts';
import type { MachineBody } from './machine-body.ts';
import type { Route } from './routes.ts';

/** What the front keeps with a machine in the world. */
export interface MachineDetails {
  readonly subscription: string;
  readonly resourceGroup: string;
  readonly name: string;
  readonly vmId: string;
  /** Deployed without a zone: the zone is the cloud's own business and is not shown. */
  readonly regional: boolean;
  readonly createdAt: EpochMs;
  readonly body: MachineBody;
}

/** Where a machine is in ARM. */
export type MachineAddress = Pick<Route['at'], 'subscription' | 'resourceGroup' | 'name'>;

/** The emulated subscription's virtual machines, by their ARM address; names are compared without case. */
export interface ArmMachines {
  /** Null once it is terminated. */
  find(address: MachineAddress): WorldMachine | null;
  /** Those that a list shows now, in order of creation, with the state it shows: lists may lag behind, single reads do not. */
  list(subscription: string): readonly { readonly machine: WorldMachine; readonly state: MachineState }[];
  /** Every machine that ever had the address, oldest first; `deletedAt` null while it exists. */
  history(id: string): readonly { readonly createdAt: EpochMs; readonly deletedAt: EpochMs | null }[];
  /** Deletes for good what a failed launch left; starts the end of anything else. */
  remove(machine: WorldMachine): void;
  detailsOf(machine: WorldMachine): MachineDetails;
  /** Whether the front made the machine. */
  knows(machine: WorldMachine): boolean;
  /** Remembers a machine that was just launched. */
  add(machine: WorldMachine, details: MachineDetails): void;
  newVmId(): string;
}

export function createArmMachines(world: World): ArmMachines {
  const details = world.store<MachineDetails>('azure', 'machine-details');
  const serials = world.store<number>('azure', 'machine-serials');
  const counters = world.store<number>('azure', 'counters');
  const deletions = world.store<EpochMs>('azure', 'machine-deletions');

  function living(machine: WorldMachine | null): machine is WorldMachine {
    return machine !== null && world.stateOf(machine) !== 'terminated';
  }

  return {
    find(address) {
      const serial = serials.get(worldNameOf(address));
      const machine = serial === undefined ? null : world.machine(serial);
      return living(machine) ? machine : null;
    },
    list(subscription) {
      return world.machines('azure').flatMap((machine) => {
        const its = details.get(String(machine.serial));
        const state = world.shownStateOf(machine);
        if (its?.subscription.toLowerCase() !== subscription.toLowerCase()) return [];
        return state === null || state === 'terminated' ? [] : [{ machine, state }];
      });
    },
    history(id) {
      return [...details]
        .filter(([, its]) => machineId(its).toLowerCase() === id.toLowerCase())
        .map(([serial, { createdAt }]) => {
          const machine = world.machine(Number(serial));
          // Forgotten ones were failed launches that somebody deleted, or ended so long ago that the moment no longer matters.
          const forgottenAt = deletions.get(serial) ?? createdAt;
          const endedAt = machine?.terminatedAt ?? forgottenAt;
          return { createdAt, deletedAt: living(machine) ? null : endedAt };
        });
    },
    remove(machine) {
      if (world.stateOf(machine) !== 'failed') world.terminate(machine.serial);
      else {
        deletions.set(String(machine.serial), world.clock.now());
        world.forget(machine.serial);
      }
    },
    knows: (machine) => details.has(String(machine.serial)),
    detailsOf(machine) {
      const found = details.get(String(machine.serial));
      if (found === undefined) throw new Error(`machine ${machine.serial} was not made by this front`);
      return found;
    },
    add(machine, its) {
      details.set(String(machine.serial), its);
      serials.set(worldNameOf(its), machine.serial);
    },
    newVmId() {
      const next = (counters.get('vmId') ?? 0) + 1;
      counters.set('vmId', next);
      return guidOf(world.seed, 'vm', next);
    },
  };
}

/** The world's name of a machine: names are unique in a resource group, so the group is part of it. */
export function worldNameOf(address: MachineAddress): string {
  return `${address.subscription}/${address.resourceGroup}/${address.name}`.toLowerCase();
}

export function machineId(address: MachineAddress): string {
  const { subscription, resourceGroup, name } = address;
  return `/subscriptions/${subscription}/resourceGroups/${resourceGroup}/providers/Microsoft.Compute/virtualMachines/${name}`;
}

export function machineNotFound(address: MachineAddress): ArmRefusal {
  return new ArmRefusal(
    404,
    'ResourceNotFound',
    `The Resource 'Microsoft.Compute/virtualMachines/${address.name}' under resource group '${address.resourceGroup}' was not found. For more details please go to https://aka.ms/ARMResourceNotFoundFix`,
  );
}
