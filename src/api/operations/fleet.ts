import * as z from 'zod';
import { LEASE_STATES } from '../../domain/lease.ts';
import { streamEvents } from '../event-stream.ts';
import { defineOperation, HANDLED, type Operation } from '../operation.ts';
import { ApiProblem } from '../problems.ts';
import { pageJson, pageOf, pageQuery, pageSchema } from '../resources/common.ts';
import { eventJson, eventSchema } from '../resources/events.ts';
import { fleetJson, fleetSchema } from '../resources/fleet.ts';
import { leaseJson, leaseSchema } from '../resources/leases.ts';
import { planJson, planSchema, planSummaryJson, planSummarySchema } from '../resources/plans.ts';
import { readWorkloadListBody, workloadListBody } from '../workload-body.ts';

const workload = z.string().min(1).max(100).optional().meta({ description: 'Id or name of a workload' });

const getFleet = defineOperation({
  method: 'get',
  path: '/v1/fleet',
  id: 'getFleet',
  tag: 'Fleet',
  summary: 'Read the fleet at a glance: cost, shares, concentration, the newest plan',
  reply: { description: 'The fleet', schema: fleetSchema },
  async handle({ service }) {
    return fleetJson(await service.getFleet());
  },
});

const listLeases = defineOperation({
  method: 'get',
  path: '/v1/leases',
  id: 'listLeases',
  tag: 'Fleet',
  summary: 'List leases: the claims on single machines',
  query: { workload, state: z.enum(LEASE_STATES).optional(), ...pageQuery },
  reply: { description: 'One page of leases', schema: pageSchema(leaseSchema, 'LeasePage') },
  problems: ['workload-not-found'],
  async handle({ service }, query) {
    const filter = { workload: query.workload ?? null, state: query.state ?? null };
    return pageJson(await service.listLeases(filter, pageOf(query)), leaseJson);
  },
});

const getLease = defineOperation({
  method: 'get',
  path: '/v1/leases/{id}',
  id: 'getLease',
  tag: 'Fleet',
  summary: 'Read one lease',
  params: { id: 'Id of the lease' },
  reply: { description: 'The lease', schema: leaseSchema },
  problems: ['lease-not-found'],
  async handle({ service, param }) {
    return leaseJson(await service.getLease(param('id')));
  },
});

const listPlans = defineOperation({
  method: 'get',
  path: '/v1/plans',
  id: 'listPlans',
  tag: 'Plans',
  summary: 'List plans, newest first, without their machines',
  query: pageQuery,
  reply: { description: 'One page of plans', schema: pageSchema(planSummarySchema, 'PlanPage') },
  async handle({ service }, query) {
    return pageJson(await service.listPlans(pageOf(query)), planSummaryJson);
  },
});

const dryRun = defineOperation({
  method: 'post',
  path: '/v1/plans',
  id: 'planWorkloads',
  tag: 'Plans',
  summary: 'Plan workloads without applying them: stores and launches nothing',
  body: workloadListBody,
  reply: { description: 'The plan', schema: planSchema },
  problems: ['not-ready'],
  async handle({ service, request }) {
    return planJson(await service.dryRun(readWorkloadListBody(request)));
  },
});

const getPlan = defineOperation({
  method: 'get',
  path: '/v1/plans/{id}',
  id: 'getPlan',
  tag: 'Plans',
  summary: 'Read one plan: machines, cost, proven lower bound, how each rule stands',
  params: { id: 'Id of the plan' },
  reply: { description: 'The plan', schema: planSchema },
  problems: ['plan-not-found'],
  async handle({ service, param }) {
    return planJson(await service.getPlan(param('id')));
  },
});

const listEvents = defineOperation({
  method: 'get',
  path: '/v1/events',
  id: 'listEvents',
  tag: 'Events',
  summary: 'List events, oldest first; with `Accept: text/event-stream`, follow them',
  description: 'The cursor is the sequence of the last event seen. A stream also takes it as `Last-Event-ID`.',
  query: { workload, ...pageQuery },
  reply: {
    description: 'One page of events, or a stream of them',
    schema: pageSchema(eventSchema, 'EventPage'),
    otherContent: { 'text/event-stream': z.string() },
  },
  problems: ['workload-not-found'],
  async handle({ service, clock, request, response }, query) {
    const { cursor, limit } = pageOf(query);
    const workloadId = query.workload === undefined ? null : (await service.getWorkload(query.workload)).id;
    if (request.accepts(['application/json', 'text/event-stream']) !== 'text/event-stream') {
      return pageJson(
        await service.listEvents({ workloadId }, { cursor: sequence(cursor, 'cursor'), limit }),
        eventJson,
      );
    }
    const lastSeen = sequence(request.get('last-event-id') ?? null, 'Last-Event-ID') ?? sequence(cursor, 'cursor');
    await streamEvents(response, { service, clock, workloadId, cursor: lastSeen });
    return HANDLED;
  },
});

/** The cursor of events is a sequence number as text. */
function sequence(text: string | null, parameter: string): string | null {
  if (text === null || /^\d{1,15}$/.test(text)) return text;
  throw new ApiProblem('validation-failed', 'The request has one mistake', [
    { parameter, message: 'allowed: the sequence number of an event' },
  ]);
}

export const fleetOperations: readonly Operation[] = [
  getFleet,
  listLeases,
  getLease,
  listPlans,
  dryRun,
  getPlan,
  listEvents,
];
