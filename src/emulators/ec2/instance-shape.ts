/** A world's machine in EC2's words. */
import type { Instance, InstanceStateName, Reservation, Tag } from '@aws-sdk/client-ec2';
import type { MachineState, World, WorldMachine } from '../world/contract.ts';
import { namedType } from './actions/instance-types.ts';
import type { Reservations } from './reservations.ts';

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

/** The machine's own details; RunInstances wrote them, so they have that shape. */
export function detailsOf(machine: WorldMachine): MachineDetails {
  return machine.details as unknown as MachineDetails;
}

export function tagList(tags: Readonly<Record<string, string>>): Tag[] {
  return Object.entries(tags).map(([Key, Value]) => ({ Key, Value }));
}

export function describeInstance(world: World, reservations: Reservations, machine: WorldMachine): Instance {
  const details = detailsOf(machine);
  const type = world.instanceType('aws', machine.pool.instanceType);
  const index = reservations.get(details.reservationId)?.serials.indexOf(machine.serial) ?? 0;
  const spot = machine.pool.market === 'spot';
  const ended = machine.endedBy !== null && machine.stoppingAt !== null && machine.stoppingAt <= world.clock.now();
  const threads = type?.architecture === 'arm64' ? 1 : 2;
  return {
    InstanceId: instanceIdOf(machine.serial),
    ImageId: details.imageId,
    State: instanceState(world, machine),
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
    Placement: { AvailabilityZone: machine.pool.zone, GroupName: '', Tenancy: 'default' },
    Architecture: type?.architecture ?? 'x86_64',
    CpuOptions: { CoreCount: (type?.vcpus ?? 0) / threads, ThreadsPerCore: threads },
    Monitoring: { State: 'disabled' },
    PrivateIpAddress: privateAddress(machine.serial),
    ...(details.subnetId === null ? {} : { SubnetId: details.subnetId }),
    ...(details.keyName === null ? {} : { KeyName: details.keyName }),
    SecurityGroups: details.securityGroupIds.map((GroupId) => ({ GroupId })),
    RootDeviceType: 'ebs',
    VirtualizationType: 'hvm',
    Hypervisor: 'xen',
    PlatformDetails: 'Linux/UNIX',
    Tags: tagList(machine.tags),
  };
}

/** Groups by reservation, in the order of the machines given. */
export function describeReservations(
  world: World,
  reservations: Reservations,
  machines: readonly WorldMachine[],
): Reservation[] {
  const grouped = new Map<string, Instance[]>();
  for (const machine of machines) {
    const { reservationId } = detailsOf(machine);
    grouped.set(reservationId, [...(grouped.get(reservationId) ?? []), describeInstance(world, reservations, machine)]);
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
