import type {
  DescribeInstancesRequest,
  DescribeInstancesResult,
  TerminateInstancesRequest,
  TerminateInstancesResult,
} from '@aws-sdk/client-ec2';
import { DescribeInstances$, TerminateInstances$ } from '@aws-sdk/client-ec2';
import type { WorldMachine } from '../../world/contract.ts';
import { assertFilterNames, matchesFilters } from '../filters.ts';
import {
  describeReservations,
  detailsOf,
  instanceIdOf,
  instanceState,
  serialOf,
  shownState,
} from '../instance-shape.ts';
import { pageOf, sortableNumber } from '../paging.ts';
import { reservationsOf } from '../reservations.ts';
import { badRequest } from '../vendor-error.ts';
import type { ActionContext } from './action.ts';
import { defineAction } from './action.ts';

const FILTERS: ReadonlySet<string> = new Set([
  'availability-zone',
  'client-token',
  'instance-id',
  'instance-lifecycle',
  'instance-state-name',
  'instance-type',
  'reservation-id',
  'tag-key',
]);

function runDescribeInstances(context: ActionContext, input: DescribeInstancesRequest): DescribeInstancesResult {
  const ids = input.InstanceIds ?? [];
  if (ids.length > 0 && input.MaxResults !== undefined) {
    throw badRequest(
      'InvalidParameterCombination',
      'The parameter instancesSet cannot be used with the parameter maxResults',
    );
  }
  assertFilterNames(input.Filters, (name) => name.startsWith('tag:') || FILTERS.has(name));
  const visible = ids.length > 0 ? machinesByIds(context, ids) : visibleMachines(context);
  const page = pageOf(
    visible.filter((machine) => matchesFilters(input.Filters, (name) => filterValues(context, machine, name))),
    ({ serial }) => sortableNumber(serial),
    { maxResults: input.MaxResults, nextToken: input.NextToken },
    { least: 5, most: 1000, standard: null },
  );
  return {
    Reservations: describeReservations(context.world, reservationsOf(context.world), page.items, shownState),
    ...(page.nextToken === null ? {} : { NextToken: page.nextToken }),
  };
}

/** Reads lag behind writes: a young machine is not there yet. */
function visibleMachines({ world, region }: ActionContext): readonly WorldMachine[] {
  return world
    .machines('aws')
    .filter(({ pool }) => pool.region === region.name)
    .filter((machine) => world.shownStateOf(machine) !== null);
}

/** Every id must be known, or none is answered. */
function machinesByIds(context: ActionContext, ids: readonly string[]): readonly WorldMachine[] {
  const malformed = ids.find((id) => serialOf(id) === null);
  if (malformed !== undefined) throw badRequest('InvalidInstanceID.Malformed', `Invalid id: "${malformed}"`);
  const visible = new Map(visibleMachines(context).map((machine) => [instanceIdOf(machine.serial), machine]));
  const unknown = ids.filter((id) => !visible.has(id));
  if (unknown.length > 0) {
    throw badRequest(
      'InvalidInstanceID.NotFound',
      unknown.length === 1
        ? `The instance ID '${unknown[0]}' does not exist`
        : `The instance IDs '${unknown.join(', ')}' do not exist`,
    );
  }
  return [...new Set(ids)].flatMap((id) => visible.get(id) ?? []).toSorted((a, b) => a.serial - b.serial);
}

function filterValues({ world }: ActionContext, machine: WorldMachine, filter: string): readonly string[] | null {
  if (filter.startsWith('tag:')) {
    const value = machine.tags[filter.slice('tag:'.length)];
    return value === undefined ? [] : [value];
  }
  switch (filter) {
    case 'availability-zone':
      return [machine.pool.zone];
    case 'client-token':
      return [detailsOf(machine).clientToken ?? ''];
    case 'instance-id':
      return [instanceIdOf(machine.serial)];
    case 'instance-lifecycle':
      return machine.pool.market === 'spot' ? ['spot'] : [];
    case 'instance-state-name':
      return [shownState(world, machine).Name];
    case 'instance-type':
      return [machine.pool.instanceType];
    case 'reservation-id':
      return [detailsOf(machine).reservationId];
    case 'tag-key':
      return Object.keys(machine.tags);
    default:
      return null;
  }
}

function runTerminateInstances(context: ActionContext, input: TerminateInstancesRequest): TerminateInstancesResult {
  const { world } = context;
  const machines = machinesByIds(context, input.InstanceIds ?? []);
  return {
    TerminatingInstances: machines.map((machine) => {
      const before = instanceState(world, machine);
      const after = world.terminate(machine.serial) ?? machine;
      return {
        InstanceId: instanceIdOf(machine.serial),
        PreviousState: before,
        CurrentState: instanceState(world, after),
      };
    }),
  };
}

export const describeInstances = defineAction(DescribeInstances$, false, runDescribeInstances);
export const terminateInstances = defineAction(TerminateInstances$, true, runTerminateInstances);
