import type { FaultAnswer, Front, FrontRequest, FrontResponse } from '../http/front.ts';
import type { VendorErrorFact, World } from '../world/contract.ts';
import { adviseCapacity } from './advice.ts';
import { aggregatedAcceleratorTypes, aggregatedMachineTypes, listMachineTypes, listZones } from './catalog.ts';
import { aggregatedInstances, deleteInstance, getInstance, listInstances } from './instances.ts';
import { bulkInsertInstances, insertInstance } from './launches.ts';
import { aggregatedOperations, getOperation, listOperations } from './operations.ts';
import { aggregatedAddresses, aggregatedDisks, deleteAddress, deleteDisk } from './parts.ts';
import { checkPermissions } from './permissions.ts';
import { getProject, getRegion, listRegions } from './regions.ts';
import { aggregatedReservations } from './reservations.ts';
import { zoneRegion } from './resources.ts';
import type { ApiRequest, Route } from './routes.ts';
import { createRouter } from './routes.ts';
import type { MethodSchema } from './schema.ts';
import { loadApiSchema } from './schema.ts';
import type { VendorErrorDetails } from './vendor-error.ts';
import { errorResponse, jsonResponse, VendorError } from './vendor-error.ts';

type Handler = (world: World, request: ApiRequest) => object;

const READS: readonly (readonly [service: string, method: string, handler: Handler])[] = [
  ['MachineTypes', 'AggregatedList', aggregatedMachineTypes],
  ['MachineTypes', 'List', listMachineTypes],
  ['AcceleratorTypes', 'AggregatedList', aggregatedAcceleratorTypes],
  ['Zones', 'List', listZones],
  ['Regions', 'Get', getRegion],
  ['Regions', 'List', listRegions],
  ['Projects', 'Get', getProject],
  ['Instances', 'Get', getInstance],
  ['Instances', 'List', listInstances],
  ['Instances', 'AggregatedList', aggregatedInstances],
  ['ZoneOperations', 'Get', getOperation],
  ['ZoneOperations', 'Wait', getOperation],
  ['ZoneOperations', 'List', listOperations],
  ['RegionOperations', 'Get', getOperation],
  ['RegionOperations', 'Wait', getOperation],
  ['RegionOperations', 'List', listOperations],
  ['GlobalOperations', 'AggregatedList', aggregatedOperations],
  ['Disks', 'AggregatedList', aggregatedDisks],
  ['Addresses', 'AggregatedList', aggregatedAddresses],
  ['Reservations', 'AggregatedList', aggregatedReservations],
  ['Advice', 'Capacity', adviseCapacity],
];

const WRITES: readonly (readonly [service: string, method: string, handler: Handler])[] = [
  ['Instances', 'Insert', insertInstance],
  ['Instances', 'Delete', deleteInstance],
  ['RegionInstances', 'BulkInsert', bulkInsertInstances],
  ['Disks', 'Delete', deleteDisk],
  ['Addresses', 'Delete', deleteAddress],
];

const LAUNCHES: ReadonlySet<string> = new Set(['instances.insert', 'regionInstances.bulkInsert']);

/**
 * The groups that Compute Engine counts requests in, each with a limit per project and minute. Source: its "Rate quotas" page, by
 * the kinds of method it names there; the names here are ours.
 */
function bucketOf({ operation }: MethodSchema, mutating: boolean): string {
  if (operation === 'regionInstances.bulkInsert') return 'heavy-weight-mutate-requests';
  if (mutating) return 'mutate-requests';
  if (operation.endsWith('.aggregatedList')) return 'heavy-weight-read-requests';
  if (/^\w+Operations\.(?:get|wait)$/.test(operation)) return 'operation-read-requests';
  return operation.endsWith('.list') ? 'list-requests' : 'read-requests';
}

/** Faults in this API's words: throttling is a 403 with the reason `rateLimitExceeded`, not a 429. */
const FAULTS: Readonly<Record<FaultAnswer, VendorErrorDetails>> = {
  throttle: {
    status: 403,
    reason: 'rateLimitExceeded',
    domain: 'usageLimits',
    message:
      "Quota exceeded for quota metric 'Queries' and limit 'Queries per minute' of service 'compute.googleapis.com' for consumer 'project_number:123456789012'.",
    canonicalStatus: 'PERMISSION_DENIED',
    details: [
      {
        '@type': 'type.googleapis.com/google.rpc.ErrorInfo',
        reason: 'RATE_LIMIT_EXCEEDED',
        domain: 'googleapis.com',
        metadata: { service: 'compute.googleapis.com', quota_limit: 'defaultPerMinutePerProject' },
      },
    ],
  },
  'internal-error': { status: 500, reason: 'internalError', message: 'Internal error encountered.' },
  unavailable: { status: 503, reason: 'backendError', message: 'Backend Error' },
  unauthorized: {
    status: 403,
    reason: 'forbidden',
    message: "Required 'compute.instances.list' permission for 'projects/emulated'",
  },
};

function vendorError({ status, code, message }: VendorErrorFact): FrontResponse {
  return errorResponse({ status, reason: code, message });
}

export function createComputeFront(world: World): Front {
  const schema = loadApiSchema('@google-cloud/compute', 'google.cloud.compute.v1');
  function routesOf(table: typeof READS, mutating: boolean): readonly Route[] {
    return table.map(([service, name, handler]) => ({
      method: schema.method(service, name),
      mutating,
      handle(request) {
        checkPermissions(world, request);
        return handler(world, request);
      },
    }));
  }
  const router = createRouter(schema, [...routesOf(READS, false), ...routesOf(WRITES, true)]);

  function regionOf(path: Readonly<Record<string, string>>): string | null {
    const { region, zone } = path;
    return region ?? (zone === undefined ? null : (zoneRegion(world, zone)?.name ?? null));
  }

  function handle(request: FrontRequest, forcedFailure: VendorErrorFact | null = null): FrontResponse {
    const matched = router.match(request);
    if (matched === null)
      return errorResponse({ status: 404, reason: 'notFound', message: 'The requested URL was not found.' });
    // Only a launch can be accepted and fail later.
    if (forcedFailure !== null && !LAUNCHES.has(matched.route.method.operation)) return vendorError(forcedFailure);
    try {
      return jsonResponse(200, router.run(matched, request, forcedFailure));
    } catch (error) {
      if (error instanceof VendorError) return errorResponse(error.details);
      throw error;
    }
  }

  return {
    cloud: 'gcp',
    service: 'compute',
    tls: false,
    label(request) {
      const matched = router.match(request);
      if (matched === null) return { operation: 'unknown', region: null, mutating: request.method !== 'GET' };
      const { route, path } = matched;
      const bucket = bucketOf(route.method, route.mutating);
      return { operation: route.method.operation, region: regionOf(path), mutating: route.mutating, bucket };
    },
    handle,
    faultResponse: (answer) => errorResponse(FAULTS[answer]),
    vendorErrorResponse: vendorError,
  };
}
