import type { Reservation as ReservationAnswer, RunInstancesRequest } from '@aws-sdk/client-ec2';
import { RunInstances$ } from '@aws-sdk/client-ec2';
import { formatUsd } from '../../../domain/money.ts';
import type { LaunchFailure, WorldLaunchResult, WorldMachine } from '../../world/contract.ts';
import type { MachineDetails } from '../instance-shape.ts';
import { describeReservations, detailsOf, instanceState } from '../instance-shape.ts';
import type { Reservation } from '../reservations.ts';
import { reservationsOf } from '../reservations.ts';
import { nextPartId } from '../resource-ids.ts';
import { badRequest, VendorError } from '../vendor-error.ts';
import type { ActionContext } from './action.ts';
import { defineAction, dryRunPassed } from './action.ts';
import type { LaunchParameters } from './launch-parameters.ts';
import { readLaunchParameters } from './launch-parameters.ts';

function runRunInstances(context: ActionContext, input: RunInstancesRequest): ReservationAnswer {
  const { world, region } = context;
  const reservations = reservationsOf(world);
  const clientToken = input.ClientToken ?? null;
  if (clientToken !== null && clientToken.length > 64) {
    throw badRequest('InvalidParameterValue', 'The client token must have at most 64 characters');
  }
  const fingerprint = canonical({ ...input, ClientToken: null });
  const earlier = clientToken === null ? null : reservations.findByToken(region.name, clientToken);
  if (earlier !== null) return repeated(context, earlier, fingerprint);

  const parameters = readLaunchParameters(context, input);
  if (input.DryRun === true) {
    throw dryRunPassed();
  }
  const reservationId = reservations.nextId();
  const machines = launch(context, parameters, detailsFor(input, parameters, reservationId));
  reservations.add(
    {
      region: region.name,
      serials: machines.map(({ serial }) => serial),
      clientToken,
      fingerprint,
      launchedAt: world.clock.now(),
    },
    reservationId,
  );
  for (const machine of machines) addParts(context, machine, parameters);
  return answerWith(context, machines);
}

/** Each machine comes with a root volume and a network interface. */
function addParts({ world, region }: ActionContext, machine: WorldMachine, parameters: LaunchParameters): void {
  const { zone } = machine.pool;
  const part = { cloud: 'aws', region: region.name, zone, machine: machine.serial } as const;
  world.addPart({
    ...part,
    kind: 'disk',
    name: nextPartId(world, 'disk'),
    life: parameters.volumeDeletedOnTermination ? 'with-machine' : 'until-removed',
    tags: parameters.volumeTags,
    details: { sizeGiB: detailsOf(machine).volumeGiB },
  });
  world.addPart({
    ...part,
    kind: 'network-interface',
    name: nextPartId(world, 'network-interface'),
    life: 'with-machine',
    tags: parameters.interfaceTags,
    details: {},
  });
}

/** The same token again: the same machines, as they are now. */
function repeated(context: ActionContext, earlier: Reservation, fingerprint: string): ReservationAnswer {
  const { world } = context;
  if (earlier.fingerprint !== fingerprint) {
    throw badRequest(
      'IdempotentParameterMismatch',
      'Arguments on this idempotent request are inconsistent with arguments used in previous request(s).',
    );
  }
  const machines = earlier.serials.flatMap((serial) => world.machine(serial) ?? []);
  if (machines.every((machine) => ['terminated', 'failed'].includes(world.stateOf(machine)))) {
    throw badRequest(
      'IdempotentInstanceTerminated',
      'The client token belongs to a previous request whose instances have been terminated.',
    );
  }
  return answerWith(context, machines);
}

function answerWith({ world }: ActionContext, machines: readonly WorldMachine[]): ReservationAnswer {
  const [answer] = describeReservations(world, reservationsOf(world), machines, instanceState);
  if (answer === undefined) throw new RangeError('a launch was accepted without machines');
  return answer;
}

function detailsFor(input: RunInstancesRequest, parameters: LaunchParameters, reservationId: string): MachineDetails {
  return {
    reservationId,
    clientToken: input.ClientToken ?? null,
    imageId: parameters.imageId,
    userData: parameters.userData,
    subnetId: input.SubnetId ?? null,
    securityGroupIds: input.SecurityGroupIds ?? [],
    keyName: input.KeyName ?? null,
    iamInstanceProfile: input.IamInstanceProfile?.Arn ?? input.IamInstanceProfile?.Name ?? null,
    volumeGiB: input.BlockDeviceMappings?.[0]?.Ebs?.VolumeSize ?? null,
    volumeTags: parameters.volumeTags,
    capacityReservationPreference: input.CapacityReservationSpecification?.CapacityReservationPreference ?? null,
  };
}

/** Tries the zone asked for, or every zone that offers the type until one takes it. */
function launch(
  context: ActionContext,
  parameters: LaunchParameters,
  details: MachineDetails,
): readonly WorldMachine[] {
  const { world, region } = context;
  const { type, market, zone, minCount, maxCount } = parameters;
  const reservation = parameters.capacityReservation;
  const zones = zone === null ? world.zonesOffering('aws', region.name, type.name) : [zone];
  let failure: LaunchFailure = { kind: 'not-offered' };
  for (const candidate of zones) {
    const result: WorldLaunchResult = world.launch({
      pool: { cloud: 'aws', region: region.name, zone: candidate, instanceType: type.name, market },
      count: maxCount,
      minCount,
      // Spot never costs more than on-demand unless the caller names a higher limit.
      maxPriceMicroUsdPerHour:
        market === 'spot'
          ? (parameters.maxPriceMicroUsdPerHour ?? world.listPrice('aws', region.name, type.name))
          : null,
      names: null,
      tags: parameters.tags,
      details: { ...details },
      capacityAnswer: 'sync',
      reservation,
    });
    if (result.accepted) return result.machines;
    failure = result.failure;
  }
  throw refusalOf(context, parameters, failure);
}

function refusalOf(
  { world, region }: ActionContext,
  parameters: LaunchParameters,
  failure: LaunchFailure,
): VendorError {
  const { type, market, zone, maxPriceMicroUsdPerHour } = parameters;
  const offering = world.zonesOffering('aws', region.name, type.name);
  const others = offering.filter((name) => name !== zone).join(', ');
  switch (failure.kind) {
    case 'capacity':
      if (market === 'spot') {
        return new VendorError(
          500,
          'InsufficientInstanceCapacity',
          'There is no Spot capacity available that matches your request.',
        );
      }
      return new VendorError(
        500,
        'InsufficientInstanceCapacity',
        `We currently do not have sufficient ${type.name} capacity in the Availability Zone you requested (${zone ?? region.name}). ` +
          'Our system will be working on provisioning additional capacity. ' +
          `You can currently get ${type.name} capacity by not specifying an Availability Zone in your request or choosing ${others}.`,
      );
    case 'quota':
      if (market === 'spot') return badRequest('MaxSpotInstanceCountExceeded', 'Max spot instance count exceeded');
      return badRequest(
        'VcpuLimitExceeded',
        `You have requested more vCPU capacity than your current vCPU limit of ${failure.limit} allows for the instance bucket ` +
          'that the specified instance type belongs to. Please visit http://aws.amazon.com/contact-us/ec2-request to request an adjustment to this limit.',
      );
    case 'price':
      return badRequest(
        'SpotMaxPriceTooLow',
        `Your Spot request price of ${formatUsd(maxPriceMicroUsdPerHour ?? world.listPrice('aws', region.name, type.name) ?? 0)} is lower than ` +
          `the minimum required Spot request fulfillment price of ${formatUsd(failure.spotPriceMicroUsdPerHour)}.`,
      );
    case 'reservation':
      return badRequest(
        'ReservationCapacityExceeded',
        `The requested reservation ${failure.reservation} does not have sufficient compatible and available capacity for this request.`,
      );
    case 'vendor':
      return new VendorError(failure.error.status, failure.error.code, failure.error.message);
    case 'not-offered':
      return badRequest(
        'Unsupported',
        `Your requested instance type (${type.name}) is not supported in your requested Availability Zone (${zone ?? region.name}). ` +
          `Please retry your request by not specifying an Availability Zone or choosing ${others}.`,
      );
    default:
      return failure satisfies never;
  }
}

/** JSON with sorted keys. */
function canonical(value: unknown): string {
  return JSON.stringify(value, (_key, item: unknown) => {
    if (typeof item !== 'object' || item === null || Array.isArray(item)) return item;
    return Object.fromEntries(Object.entries(item).toSorted(([a], [b]) => (a < b ? -1 : 1)));
  });
}

export const runInstances = defineAction(RunInstances$, true, runRunInstances);
