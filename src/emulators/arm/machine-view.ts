import type { MachineState, World, WorldMachine } from '../world/contract.ts';
import { failureOf } from './machine-failures.ts';
import type { MachineDetails } from './machines.ts';
import { machineId } from './machines.ts';

/** How much of a machine a request sees. Lists name the resource group in capitals, as ARM's do. */
export interface ViewOptions {
  readonly instanceView: boolean;
  readonly fromList: boolean;
  /** The state to show, where it is not the present one. */
  readonly state?: MachineState;
}

const PROVISIONING_STATES: Readonly<Record<MachineState, string>> = {
  pending: 'Creating',
  running: 'Succeeded',
  stopping: 'Deleting',
  terminated: 'Deleting',
  failed: 'Failed',
};

/** The machine as ARM shows it; passwords, user data and inline network configuration are never read back. */
export function viewOf(world: World, machine: WorldMachine, details: MachineDetails, options: ViewOptions): unknown {
  const { body, vmId, regional, name } = details;
  const { customData: _customData, adminPassword: _adminPassword, ...osProfile } = body.properties.osProfile;
  const { hardwareProfile, storageProfile, priority, evictionPolicy, billingProfile, capacityReservation } =
    body.properties;
  const state = options.state ?? world.stateOf(machine);
  const resourceGroup = options.fromList ? details.resourceGroup.toUpperCase() : details.resourceGroup;
  return {
    name,
    id: machineId({ ...details, resourceGroup }),
    type: 'Microsoft.Compute/virtualMachines',
    location: machine.pool.region,
    tags: machine.tags,
    ...(regional ? {} : { zones: [machine.pool.zone] }),
    ...(body.identity === undefined ? {} : { identity: body.identity }),
    properties: {
      hardwareProfile,
      provisioningState: PROVISIONING_STATES[state],
      vmId,
      ...{ priority, evictionPolicy, billingProfile, capacityReservation, storageProfile, osProfile },
      networkProfile: { networkInterfaces: interfacesOf(details) },
      timeCreated: new Date(machine.launchedAt).toISOString(),
      ...(options.instanceView ? { instanceView: { statuses: statusesOf(world, machine, details) } } : {}),
    },
  };
}

function interfacesOf(details: MachineDetails): unknown {
  const { networkInterfaces = [], networkInterfaceConfigurations = [] } = details.body.properties.networkProfile;
  const { subscription, resourceGroup } = details;
  const group = `/subscriptions/${subscription}/resourceGroups/${resourceGroup}`;
  const made = networkInterfaceConfigurations.map((configuration) => ({
    id: `${group}/providers/Microsoft.Network/networkInterfaces/${configuration.name}`,
    properties: {
      primary: configuration.properties.primary ?? true,
      deleteOption: configuration.properties.deleteOption ?? 'Detach',
    },
  }));
  return [...networkInterfaces, ...made];
}

function statusesOf(world: World, machine: WorldMachine, details: MachineDetails): unknown {
  const state = world.stateOf(machine);
  const time = new Date(machine.failedAt ?? machine.runningAt).toISOString();
  switch (state) {
    case 'pending':
      return [{ code: 'ProvisioningState/creating', level: 'Info', displayStatus: 'Creating' }];
    case 'running':
      return [
        { code: 'ProvisioningState/succeeded', level: 'Info', displayStatus: 'Provisioning succeeded', time },
        { code: 'PowerState/running', level: 'Info', displayStatus: 'VM running' },
      ];
    case 'failed': {
      const { code, message } = failureOf(machine, details);
      return [
        {
          code: `ProvisioningState/failed/${code}`,
          level: 'Error',
          displayStatus: 'Provisioning failed',
          message,
          time,
        },
      ];
    }
    case 'stopping':
    case 'terminated':
      return [
        { code: 'ProvisioningState/deleting', level: 'Info', displayStatus: 'Deleting' },
        { code: 'PowerState/stopping', level: 'Info', displayStatus: 'VM stopping' },
      ];
    default:
      return state satisfies never;
  }
}
