import { isDeepStrictEqual } from 'node:util';
import { parseUsd } from '../../domain/money.ts';
import type { FrontRequest, FrontResponse } from '../http/front.ts';
import type { VendorErrorFact, World, WorldLaunchResult, WorldMachine, WorldPool } from '../world/contract.ts';
import { ArmRefusal, jsonAnswer } from './arm-answer.ts';
import type { AsyncOperations } from './async-operations.ts';
import { checkLinkedAccess } from './authorization.ts';
import type { MachineBody } from './machine-body.ts';
import { invalidParameter, readMachineBody } from './machine-body.ts';
import { launchRefusal } from './machine-failures.ts';
import { addParts } from './machine-parts.ts';
import { viewOf } from './machine-view.ts';
import type { ArmMachines, MachineAddress } from './machines.ts';
import { worldNameOf } from './machines.ts';
import { memberFor } from './reserved-capacity.ts';

const MODEL_VIEW = { instanceView: false, fromList: false };

/** `PUT virtualMachines/{name}`: creates, or answers for the machine that has the name. */
export function createOrUpdate(
  world: World,
  machines: ArmMachines,
  operations: AsyncOperations,
  address: MachineAddress,
  request: FrontRequest,
  forcedFailure: VendorErrorFact | null,
): FrontResponse {
  const body = readMachineBody(request.body.toString('utf8'));
  checkLinkedAccess(world, body);
  const region = regionOf(world, body);
  const existing = machines.find(address);
  if (existing !== null) return answerForExisting(world, machines, existing, body, request);
  const { machine, regional } = launched({ world, body, address, forcedFailure }, region);
  const { subscription, resourceGroup, name } = address;
  const details = { subscription, resourceGroup, name, vmId: machines.newVmId(), regional, body };
  const complete = { ...details, createdAt: world.clock.now() };
  machines.add(machine, complete);
  addParts(world, machine, complete);
  const headers = operations.start(request, subscription, 'create', machine);
  return jsonAnswer(201, viewOf(world, machine, complete, MODEL_VIEW), headers);
}

function regionOf(world: World, body: MachineBody): string {
  const region = body.location.replaceAll(' ', '').toLowerCase();
  if (world.region('azure', region) === null) {
    const known = world.facts('azure').regions.map(({ name }) => name);
    throw new ArmRefusal(
      400,
      'LocationNotAvailableForResourceType',
      `The provided location '${body.location}' is not available for resource type 'Microsoft.Compute/virtualMachines'. List of available regions for the resource type is '${known.join(',')}'.`,
    );
  }
  return region;
}

/**
 * Create-only requests are refused whatever they say. Others are idempotent for the same machine, may change its tags, and may
 * change nothing else.
 */
function answerForExisting(
  world: World,
  machines: ArmMachines,
  machine: WorldMachine,
  body: MachineBody,
  request: FrontRequest,
): FrontResponse {
  const details = machines.detailsOf(machine);
  if (world.stateOf(machine) === 'stopping')
    throw new ArmRefusal(
      409,
      'ConflictingServerOperation',
      `The request failed because another operation is in progress on the resource ${details.name}.`,
    );
  if (request.headers['if-none-match'] === '*')
    throw new ArmRefusal(
      412,
      'PreconditionFailed',
      `The condition specified by If-None-Match '*' is not met: the resource ${details.name} already exists.`,
    );
  if (!isDeepStrictEqual(withoutTags(body), withoutTags(details.body)))
    throw new ArmRefusal(
      409,
      'PropertyChangeNotAllowed',
      `Changing the properties of VM ${details.name} is not allowed.`,
    );
  world.tag(machine.serial, body.tags);
  return jsonAnswer(200, viewOf(world, world.machine(machine.serial) ?? machine, details, MODEL_VIEW));
}

/** Tags may change, those of the inline interface and address as well. */
function withoutTags(body: MachineBody): unknown {
  return JSON.parse(JSON.stringify(body, (key, value: unknown) => (key === 'tags' ? undefined : value)));
}

/** One create request on its way to the world. */
interface Creation {
  readonly world: World;
  readonly body: MachineBody;
  readonly address: MachineAddress;
  readonly forcedFailure: VendorErrorFact | null;
}

function launched(creation: Creation, region: string): { readonly machine: WorldMachine; readonly regional: boolean } {
  const { world, body, address } = creation;
  const { vmSize } = body.properties.hardwareProfile;
  const instanceType = world.instanceType('azure', vmSize)?.name;
  if (instanceType === undefined)
    throw invalidParameter('vmSize', `The value ${vmSize} provided for the VM size is not valid.`);
  const zone = body.zones?.[0];
  if (zone !== undefined && world.region('azure', region)?.zones.some(({ name }) => name === zone) !== true)
    throw invalidParameter('zones', `The zone(s) '${zone}' for resource '${address.name}' is not supported.`);
  const market = (body.properties.priority ?? 'Regular') === 'Regular' ? 'on-demand' : 'spot';
  const pool: WorldPool = { cloud: 'azure', region, zone: zone ?? '', instanceType, market };
  const result = zone === undefined ? launchAnywhere(creation, pool) : launchIn(creation, pool);
  if (!result.accepted) throw launchRefusal(result.failure, pool, address);
  const [machine] = result.machines;
  if (machine === undefined) throw new Error('the world accepted a launch of no machine');
  return { machine, regional: zone === undefined };
}

/**
 * On-demand machines are accepted and fail later when there is no hardware; a spot request without hardware is refused at
 * once, with the code that says "no such size here".
 */
function launchIn(
  { world, body, address, forcedFailure }: Creation,
  pool: WorldPool,
  capacityAnswer: 'sync' | 'async' = pool.market === 'spot' ? 'sync' : 'async',
): WorldLaunchResult {
  const maxPrice = body.properties.billingProfile?.maxPrice ?? -1;
  return world.launch({
    pool,
    count: 1,
    minCount: 1,
    maxPriceMicroUsdPerHour: maxPrice === -1 ? null : parseUsd(maxPrice),
    names: [worldNameOf(address)],
    tags: body.tags,
    details: { userData: body.properties.osProfile.customData ?? null, body },
    capacityAnswer,
    forcedFailure,
    reservation: reservationFor(world, body, pool),
  });
}

/** Without a zone the cloud takes the first one with hardware; without any, the machine fails wherever it was put. */
function launchAnywhere(creation: Creation, pool: WorldPool): WorldLaunchResult {
  const pools = creation.world
    .zonesOffering('azure', pool.region, pool.instanceType)
    .map((zone) => ({ ...pool, zone }));
  const [first] = pools;
  if (first === undefined) return { accepted: false, failure: { kind: 'not-offered' } };
  for (const candidate of pools) {
    const result = launchIn(creation, candidate, 'sync');
    if (result.accepted || result.failure.kind !== 'capacity') return result;
  }
  return launchIn(creation, first);
}

/** Null where no reservation is asked for. Throws an ArmRefusal where the group holds nothing of this size in this zone. */
function reservationFor(world: World, body: MachineBody, pool: WorldPool): string | null {
  const group = body.properties.capacityReservation?.capacityReservationGroup?.id;
  if (group === undefined) return null;
  const member = memberFor(world, group, pool.instanceType, pool.zone);
  if (member !== null) return member.id;
  throw invalidParameter(
    'capacityReservation',
    `The capacity reservation group ${group} has no reservation for ${pool.instanceType} in zone '${pool.zone}'.`,
  );
}
