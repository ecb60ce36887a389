import type { Front, FrontRequest, FrontResponse } from '../http/front.ts';
import type { World, WorldMachine } from '../world/contract.ts';
import { guidOf, jsonAnswer } from './arm-answer.ts';
import type { ArmMachines } from './machines.ts';
import { createArmMachines } from './machines.ts';

/** The real service answers each machine under 169.254.169.254; here the path says which machine asks. */
const PATH = /^\/machines\/([^/]+)\/metadata\/scheduledevents$/;
const VERSIONS: ReadonlySet<string> = new Set(['2019-08-01', '2020-07-01']);

/** The Instance Metadata Service as far as it tells of scheduled events. */
export function createMetadataFront(world: World): Front {
  const machines = createArmMachines(world);
  return {
    cloud: 'azure',
    service: 'imds',
    tls: false,
    label: (request) => ({
      operation: 'ScheduledEvents',
      region: machineAt(world, machines, request)?.pool.region ?? null,
      mutating: false,
    }),
    handle: (request) => answer(world, machines, request),
    faultResponse(fault) {
      if (fault === 'throttle') return refusal(429, 'Too many requests');
      if (fault === 'unauthorized') return refusal(403, 'Forbidden');
      return refusal(fault === 'unavailable' ? 503 : 500, 'The service is unavailable');
    },
    vendorErrorResponse: ({ status, message }) => refusal(status, message),
  };
}

function answer(world: World, machines: ArmMachines, request: FrontRequest): FrontResponse {
  if (request.headers['metadata']?.toLowerCase() !== 'true')
    return refusal(400, 'Bad request: the header Metadata: true is required');
  if (!VERSIONS.has(request.url.searchParams.get('api-version') ?? ''))
    return refusal(400, 'Bad request: api-version is missing or not supported');
  const machine = machineAt(world, machines, request);
  if (request.method !== 'GET' || machine === null) return refusal(404, 'Not found');
  const events = eventsOf(world, machine, machines.detailsOf(machine).name);
  return jsonAnswer(200, { DocumentIncarnation: events.length + 1, Events: events });
}

/** The machine that asks; null for one that is not (any more) there to ask. */
function machineAt(world: World, machines: ArmMachines, request: FrontRequest): WorldMachine | null {
  const name = PATH.exec(request.url.pathname)?.[1]?.toLowerCase();
  const found = world
    .machines('azure')
    .find((machine) => machines.knows(machine) && machines.detailsOf(machine).name.toLowerCase() === name);
  const state = found === undefined ? 'terminated' : world.stateOf(found);
  return found !== undefined && (state === 'running' || state === 'stopping') ? found : null;
}

function eventsOf(world: World, machine: WorldMachine, name: string): readonly unknown[] {
  const { noticeAt, serial } = machine;
  if (noticeAt === null) return [];
  const notBefore = noticeAt + (world.facts('azure').behaviour.spotNoticeSeconds ?? 0) * 1000;
  const started = notBefore <= world.clock.now();
  return [
    {
      EventId: guidOf(world.seed, 'event', serial).toUpperCase(),
      EventType: 'Preempt',
      ResourceType: 'VirtualMachine',
      Resources: [name],
      EventStatus: started ? 'Started' : 'Scheduled',
      NotBefore: started ? '' : new Date(notBefore).toUTCString(),
      Description: 'The virtual machine will be evicted: "Spot" capacity is needed.',
      EventSource: 'Platform',
      DurationInSeconds: -1,
    },
  ];
}

function refusal(status: number, error: string): FrontResponse {
  return jsonAnswer(status, { error });
}
