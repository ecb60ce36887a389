import type { Pool } from '../../domain/pool.ts';
import type { Clock } from '../../domain/time.ts';
import type { Call, Instance, InstanceRef, InstanceState, OwnedQuery, OwnedSnapshot } from '../provider.ts';
import { ProviderError } from '../provider.ts';
import type { Clients } from './clients.ts';
import { allPages, callApi } from './clients.ts';
import { asProviderError, isMissing } from './errors.ts';
import { ATTEMPT_LABEL, deletionIdOf, INDEX_LABEL, machineName, OWNER_LABEL, tagsOf } from './identity.ts';
import { withAttached } from './machine-types.ts';
import { findInsert, instanceOfInsert, isDone } from './operations.ts';
import type { InstanceResource } from './responses.ts';
import { instanceResource, instancesPage, operationResource } from './responses.ts';
import { lastSegment, outcomeOf, regionOfZone, unreachableScopes } from './scopes.ts';

const PAGE_SIZE = 500;

/**
 * `TERMINATED` and the like: stopped from within, or by hand. It will not run again by itself and its disks still cost money, so
 * it counts as failed until it is deleted. Spot machines of ours are deleted when the cloud takes them back.
 */
const STATES: Readonly<Record<string, InstanceState>> = {
  PROVISIONING: 'pending',
  STAGING: 'pending',
  PENDING: 'pending',
  REPAIRING: 'pending',
  RUNNING: 'running',
  PENDING_STOP: 'stopping',
  STOPPING: 'stopping',
  SUSPENDING: 'stopping',
  DEPROVISIONING: 'stopping',
  TERMINATED: 'failed',
  STOPPED: 'failed',
  SUSPENDED: 'failed',
};

/** Only a machine whose launch named a reservation is in one as far as its pool goes. */
function reservationIn({ reservationAffinity }: InstanceResource): string | null {
  if (reservationAffinity?.consumeReservationType !== 'SPECIFIC_RESERVATION') return null;
  const [name] = reservationAffinity.values;
  return name === undefined ? null : lastSegment(name);
}

export function poolOf(resource: InstanceResource): Pool {
  const zone = lastSegment(resource.zone);
  const machineType = lastSegment(resource.machineType);
  const [gpu] = resource.guestAccelerators;
  const attached = machineType.startsWith('n1-') && gpu !== undefined;
  const spot = resource.scheduling?.provisioningModel === 'SPOT' || resource.scheduling?.preemptible === true;
  const reservation = reservationIn(resource);
  return {
    provider: 'gcp',
    region: regionOfZone(zone),
    zone,
    instanceType: attached
      ? withAttached(machineType, lastSegment(gpu.acceleratorType), gpu.acceleratorCount)
      : machineType,
    market: reservation === null ? (spot ? 'spot' : 'on-demand') : 'reserved',
    reservation,
  };
}

export function instanceOf(resource: InstanceResource): Instance {
  const pool = poolOf(resource);
  const state = STATES[resource.status] ?? 'pending';
  const launchedAt = Date.parse(resource.creationTimestamp);
  return {
    ref: {
      region: pool.region,
      zone: pool.zone,
      idempotencyKey: resource.labels[ATTEMPT_LABEL] ?? '',
      index: Number(resource.labels[INDEX_LABEL] ?? '0'),
      instanceId: resource.name,
    },
    pool,
    state,
    refusal: null,
    failure: state === 'failed' ? `the machine was stopped: ${resource.status} ${resource.statusMessage}`.trim() : null,
    owner: resource.labels[OWNER_LABEL] ?? '',
    tags: tagsOf(resource.labels),
    launchedAt: Number.isNaN(launchedAt) ? null : launchedAt,
  };
}

/** Null where the cloud has no machine of this name in the zone. */
export async function readInstance(
  clients: Clients,
  project: string,
  place: { readonly zone: string; readonly name: string },
  call: Call,
): Promise<InstanceResource | null> {
  try {
    return await callApi(
      {
        ...{ client: clients.instances, method: 'get', operation: 'instances.get', mutating: false },
        request: { project, zone: place.zone, instance: place.name },
        response: instanceResource,
      },
      call,
    );
  } catch (error) {
    if (isMissing(error, 'instances')) return null;
    throw error;
  }
}

/** Where the zone is not known the label finds the machine, anywhere. */
async function findByAttempt(
  clients: Clients,
  project: string,
  ref: InstanceRef,
  call: Call,
): Promise<InstanceResource | null> {
  const filter = `labels.${ATTEMPT_LABEL}=${ref.idempotencyKey} AND labels.${INDEX_LABEL}=${ref.index}`;
  const pages = await instancePages(clients, project, filter, call);
  return pages.flatMap(({ items }) => Object.values(items).flatMap(({ instances }) => instances))[0] ?? null;
}

export function instancePages(clients: Clients, project: string, filter: string | null, call: Call) {
  return allPages(
    {
      ...{ client: clients.instances, method: 'aggregatedList', operation: 'instances.aggregatedList' },
      request: { project, maxResults: PAGE_SIZE, ...(filter === null ? {} : { filter }) },
      ...{ response: instancesPage, mutating: false },
    },
    call,
  );
}

/** A machine by name; failing that, by the operation that was to make it: a launch that failed leaves nothing else. */
export async function getInstance(
  clients: Clients,
  project: string,
  ref: InstanceRef,
  call: Call,
): Promise<Instance | null> {
  const name = ref.instanceId ?? machineName(ref.idempotencyKey, ref.index);
  if (ref.zone === null) {
    const found = await findByAttempt(clients, project, ref, call);
    return found === null ? null : instanceOf(found);
  }
  const place = { zone: ref.zone, name };
  const resource = await readInstance(clients, project, place, call);
  if (resource !== null) return resource.labels[ATTEMPT_LABEL] === ref.idempotencyKey ? instanceOf(resource) : null;
  const insert = await findInsert(clients, project, place, call);
  return insert === null ? null : instanceOfInsert(insert, ref, ref.zone, name);
}

export async function listOwned(
  clients: Clients,
  project: string,
  query: OwnedQuery,
  call: Call,
): Promise<OwnedSnapshot> {
  const filter = `labels.${OWNER_LABEL}=${query.owner}`;
  const pages = await instancePages(clients, project, filter, call).catch(asProviderError);
  if (pages instanceof ProviderError) {
    return { instances: [], regions: query.regions.map((region) => ({ region, complete: false, error: pages })) };
  }
  const wanted = new Set(query.regions);
  const instances = pages
    .flatMap(({ items }) => Object.values(items).flatMap((scope) => scope.instances.map(instanceOf)))
    .filter(({ ref }) => wanted.has(ref.region));
  const silent = pages.flatMap(unreachableScopes);
  return { instances, regions: query.regions.map((region) => outcomeOf('instances.aggregatedList', region, silent)) };
}

/** Deleting takes the boot disk along (`autoDelete`). */
export async function terminate(
  { clients, project, clock }: { readonly clients: Clients; readonly project: string; readonly clock: Clock },
  ref: InstanceRef,
  call: Call,
): Promise<'terminating' | 'gone'> {
  const found = ref.zone === null ? await findByAttempt(clients, project, ref, call) : null;
  const zone = ref.zone ?? (found === null ? null : lastSegment(found.zone));
  if (zone === null) return 'gone';
  const instance = ref.instanceId ?? machineName(ref.idempotencyKey, ref.index);
  try {
    const operation = await callApi(
      {
        ...{ client: clients.instances, method: 'delete', operation: 'instances.delete', mutating: true },
        request: { project, zone, instance, requestId: deletionIdOf(`${zone}/${instance}`, clock.now()) },
        response: operationResource,
      },
      call,
    );
    return isDone(operation, 'instances.delete') ? 'gone' : 'terminating';
  } catch (error) {
    if (isMissing(error, 'instances')) return 'gone';
    throw error;
  }
}
