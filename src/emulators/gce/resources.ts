import { createHash } from 'node:crypto';
import type { EpochMs } from '../../domain/time.ts';
import type { World } from '../world/contract.ts';
import type { InstanceTypeFact, RegionFact } from '../world/market-facts.ts';
import { invalidValue } from './vendor-error.ts';

/** What every operation of the compute front works on. */
export interface Project {
  readonly world: World;
  readonly name: string;
}

export const API_ROOT = 'https://www.googleapis.com/compute/v1';

/** `https://www.googleapis.com/compute/v1/projects/p/zones/us-central1-a` */
export function resourceUrl(project: string, path: string): string {
  return `${API_ROOT}/projects/${project}/${path}`;
}

/** RFC 3339 with the offset spelled out, as this API writes it. */
export function timestamp(at: EpochMs): string {
  return `${new Date(at).toISOString().slice(0, -1)}+00:00`;
}

/** A stable 19-digit id, as the API gives to everything. */
export function numericId(name: string): string {
  const digest = createHash('sha256').update(name).digest().readBigUInt64BE();
  return String(10n ** 18n + (digest % (8n * 10n ** 18n)));
}

export function zoneRegion(world: World, zone: string): RegionFact | null {
  return world.facts('gcp').regions.find((region) => region.zones.some(({ name }) => name === zone)) ?? null;
}

export function requiredZone(world: World, zone: string): RegionFact {
  const region = zoneRegion(world, zone);
  if (region === null) throw invalidValue('zone', zone, 'Unknown zone.');
  return region;
}

export function requiredRegion(world: World, name: string): RegionFact {
  const region = world.region('gcp', name);
  if (region === null) throw invalidValue('region', name, 'Unknown region.');
  return region;
}

export interface ZoneOfRegion {
  readonly region: RegionFact;
  readonly zone: string;
}

export function allZones(world: World): readonly ZoneOfRegion[] {
  return world.facts('gcp').regions.flatMap((region) => region.zones.map(({ name }) => ({ region, zone: name })));
}

/** The parts of `n1-standard-8+nvidia-tesla-t4x2`: the machine type, and the GPUs attached to it where the type has none of its own. */
export function hostOf(instanceType: string): string {
  return instanceType.split('+')[0] ?? instanceType;
}

export function hasOwnGpus(type: InstanceTypeFact): boolean {
  return hostOf(type.name) === type.name;
}

export function typesIn(world: World, { region, zone }: ZoneOfRegion): readonly InstanceTypeFact[] {
  return world
    .facts('gcp')
    .instanceTypes.filter((type) => world.zonesOffering('gcp', region.name, type.name).includes(zone));
}
