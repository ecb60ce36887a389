/** A world's machine in EC2's words. */
import type { Instance, InstanceStateName, Reservation, Tag } from '@aws-sdk/client-ec2';
import type { MachineState, World, WorldMachine, WorldPart } from '../world/contract.ts';
import { namedType } from './actions/instance-types.ts';
import type { Reservations } from './reservations.ts';
import { partIdOf } from './resource-ids.ts';

export const OWNER_ID = '000000000000';

/** What RunInstances stores with a machine and DescribeInstances reads back. */
export interface MachineDetails {
  readonly reservationId: string;
  readonly clientToken: string | null;
  readonly imageId: string;
  readonly userData: string | null;
  readonly subnetId: string | null;
  readonly securityGroupIds: readonly string[];
  readonly keyName: string | null;
  readonly iamInstanceProfile: string | null;
  readonly volumeGiB: number | null;
  readonly volumeTags: Readonly<Record<string, string>>;
  /** `none`: the launch stays out of open reservations. This account's are all targeted, so that it changes nothing here. */
  readonly capacityReservationPreference: string | null;
}

const STATES: Readonly<Record<MachineState, { readonly Code: number; readonly Name: InstanceStateName }>> = {
  pending: { Code: 0, Name: 'pending' },
  running: { Code: 16, Name: 'running' },
  stopping: { Code: 32, Name: 'shutting-down' },
  terminated: { Code: 48, Name: 'terminated' },
  // EC2 has no failed instances: one that cannot be started is terminated with a reason.
  failed: { Code: 48, Name: 'terminated' },
};

const ENDED_BY = {
  user: { Code: 'Client.UserInitiatedShutdown', Message: 'Client.UserInitiatedShutdown: User initiated shutdown' },
  interruption: {
    Code: 'Server.SpotInstanceTermination',
    Message: 'Server.SpotInstanceTermination: Spot instance termination',
  },
  loss: { Code: 'Server.InternalError', Message: 'Server.InternalError: Internal error on launch' },
} as const;

/** `i-` and 17 hexadecimal digits, from the world's serial number. */
export function instanceIdOf(serial: number): string {
  return `i-${serial.toString(16).padStart(17, '0')}`;
}

/** Null when the text is not an instance id at all. */
export function serialOf(instanceId: string): number | null {
  return /^i-([0-9a-f]{8}|[0-9a-f]{17})$/.test(instanceId) ? Number.parseInt(instanceId.slice(2), 16) : null;
}

export function instanceState(world: World, machine: WorldMachine): { Code: number; Name: InstanceStateName } {
  return { ...STATES[world.stateOf(machine)] };
}

/** The state as reads show it, which lags behind. */
export function shownState(world: World, machine: WorldMachine): { Code: number; Name: InstanceStateName } {
  return { ...STATES[world.shownStateOf(machine) ?? 'pending'] };
}

/** The machine's own details; RunInstances wrote them, so they have that shape. */
export function detailsOf(machine: WorldMachine): MachineDetails {
  return machine.details as unknown as MachineDetails;
}

export function tagList(tags: Readonly<Record<string, string>>): Tag[] {
  return Object.entries(tags).map(([Key, Value]) => ({ Key, Value }));
}

type StateView = typeof instanceState;

function describeInstance(
  world: World,
  reservations: Reservations,
  machine: WorldMachine,
  parts: readonly WorldPart[],
  stateView: StateView,
): Instance {
  const details = detailsOf(machine);
  const type = world.instanceType('aws', machine.pool.instanceType);
  const index = reservations.get(details.reservationId)?.serials.indexOf(machine.serial) ?? 0;
  const spot = machine.pool.market === 'spot';
  const state = stateView(world, machine);
  const ended = machine.endedBy !== null && ['shutting-down', 'terminated'].includes(state.Name);
  const threads = type?.architecture === 'arm64' ? 1 : 2;
  return {
    InstanceId: instanceIdOf(machine.serial),
    ImageId: details.imageId,
    State: state,
    StateTransitionReason:
      ended && machine.endedBy === 'user' ? `User initiated (${gmt(machine.stoppingAt ?? 0)})` : '',
    ...(ended && machine.endedBy !== null ? { StateReason: { ...ENDED_BY[machine.endedBy] } } : {}),
    InstanceType: namedType(machine.pool.instanceType),
    LaunchTime: new Date(machine.launchedAt),
    AmiLaunchIndex: Math.max(0, index),
    ...(details.clientToken === null ? {} : { ClientToken: details.clientToken }),
    ...(spot
      ? { InstanceLifecycle: 'spot', SpotInstanceRequestId: `sir-${machine.serial.toString(36).padStart(8, '0')}` }
      : {}),
    ...reservationOf(world, machine),
    Placement: { AvailabilityZone: machine.pool.zone, GroupName: '', Tenancy: 'default' },
    Architecture: type?.architecture ?? 'x86_64',
    CpuOptions: { CoreCount: (type?.vcpus ?? 0) / threads, ThreadsPerCore: threads },
    Monitoring: { State: 'disabled' },
    PrivateIpAddress: privateAddress(machine.serial),
    ...(details.subnetId === null ? {} : { SubnetId: details.subnetId }),
    ...(details.keyName === null ? {} : { KeyName: details.keyName }),
    SecurityGroups: details.securityGroupIds.map((GroupId) => ({ GroupId })),
    ...describeParts(parts),
    RootDeviceType: 'ebs',
    VirtualizationType: 'hvm',
    Hypervisor: 'xen',
    PlatformDetails: 'Linux/UNIX',
    Tags: tagList(machine.tags),
  };
}

function reservationOf(world: World, { reservation }: WorldMachine): Partial<Instance> {
  if (reservation === null) return {};
  const known = world.reservations('aws').find(({ id }) => id === reservation);
  return {
    CapacityReservationId: reservation,
    ...(known?.kind === 'block' ? { InstanceLifecycle: 'capacity-block' as const } : {}),
  };
}

function describeParts(parts: readonly WorldPart[]): Partial<Instance> {
  return {
    RootDeviceName: '/dev/sda1',
    BlockDeviceMappings: parts
      .filter(({ kind }) => kind === 'disk')
      .map((part) => ({
        DeviceName: '/dev/sda1',
        Ebs: {
          VolumeId: partIdOf(part),
          Status: 'attached',
          AttachTime: new Date(part.createdAt),
          DeleteOnTermination: part.life === 'with-machine',
        },
      })),
    NetworkInterfaces: parts
      .filter(({ kind }) => kind === 'network-interface')
      .map((part) => ({ NetworkInterfaceId: partIdOf(part), Status: 'in-use' })),
  };
}

/** Groups by reservation, in the order of the machines given. */
export function describeReservations(
  world: World,
  reservations: Reservations,
  machines: readonly WorldMachine[],
  stateView: StateView,
): Reservation[] {
  const grouped = new Map<string, Instance[]>();
  const parts = Map.groupBy(world.parts('aws'), ({ machine }) => machine);
  for (const machine of machines) {
    const { reservationId } = detailsOf(machine);
    const instance = describeInstance(world, reservations, machine, parts.get(machine.serial) ?? [], stateView);
    grouped.set(reservationId, [...(grouped.get(reservationId) ?? []), instance]);
  }
  return [...grouped].map(([ReservationId, Instances]) => ({
    ReservationId,
    OwnerId: OWNER_ID,
    Groups: [],
    Instances,
  }));
}

function privateAddress(serial: number): string {
  return `172.31.${Math.floor(serial / 250) % 256}.${4 + (serial % 250)}`;
}

/** `2026-11-01 12:00:00 GMT` */
function gmt(at: number): string {
  return `${new Date(at).toISOString().slice(0, 19).replace('T', ' ')} GMT`;
}
