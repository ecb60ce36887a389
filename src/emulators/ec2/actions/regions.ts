import type {
  DescribeAvailabilityZonesRequest,
  DescribeAvailabilityZonesResult,
  DescribeRegionsRequest,
  DescribeRegionsResult,
} from '@aws-sdk/client-ec2';
import { DescribeAvailabilityZones$, DescribeRegions$ } from '@aws-sdk/client-ec2';
import { matchesFilters } from '../filters.ts';
import { badRequest } from '../vendor-error.ts';
import type { ActionContext } from './action.ts';
import { defineAction } from './action.ts';

const OPTED_IN = 'opt-in-not-required';

function runDescribeRegions({ world }: ActionContext, input: DescribeRegionsRequest): DescribeRegionsResult {
  const names = input.RegionNames ?? [];
  const known = world.facts('aws').regions;
  const unknown = names.find((name) => !known.some((region) => region.name === name));
  if (unknown !== undefined) throw badRequest('InvalidParameterValue', `Invalid region names: [${unknown}]`);
  return {
    Regions: known
      .filter(({ name }) => names.length === 0 || names.includes(name))
      .filter(({ name }) =>
        matchesFilters(input.Filters, (filter) => {
          if (filter === 'region-name') return [name];
          return filter === 'opt-in-status' ? [OPTED_IN] : null;
        }),
      )
      .map(({ name }) => ({ RegionName: name, Endpoint: `ec2.${name}.amazonaws.com`, OptInStatus: OPTED_IN })),
  };
}

function runDescribeAvailabilityZones(
  { region }: ActionContext,
  input: DescribeAvailabilityZonesRequest,
): DescribeAvailabilityZonesResult {
  const { ZoneNames: names = [], ZoneIds: ids = [] } = input;
  const unknown = names.find((name) => !region.zones.some((zone) => zone.name === name));
  if (unknown !== undefined) throw badRequest('InvalidParameterValue', `Invalid availability zone: [${unknown}]`);
  return {
    AvailabilityZones: region.zones
      .filter(({ name }) => names.length === 0 || names.includes(name))
      .filter(({ physicalId }) => ids.length === 0 || (physicalId !== null && ids.includes(physicalId)))
      .filter(({ name, physicalId }) =>
        matchesFilters(input.Filters, (filter) => {
          const values: Readonly<Record<string, readonly string[]>> = {
            'zone-name': [name],
            'zone-id': physicalId === null ? [] : [physicalId],
            'zone-type': ['availability-zone'],
            'region-name': [region.name],
            'opt-in-status': [OPTED_IN],
            state: ['available'],
          };
          return values[filter] ?? null;
        }),
      )
      .map(({ name, physicalId }) => ({
        ZoneName: name,
        ...(physicalId === null ? {} : { ZoneId: physicalId }),
        State: 'available',
        RegionName: region.name,
        GroupName: region.name,
        NetworkBorderGroup: region.name,
        ZoneType: 'availability-zone',
        OptInStatus: OPTED_IN,
        Messages: [],
      })),
  };
}

export const describeRegions = defineAction(DescribeRegions$, false, runDescribeRegions);
export const describeAvailabilityZones = defineAction(DescribeAvailabilityZones$, false, runDescribeAvailabilityZones);
