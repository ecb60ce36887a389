import * as z from 'zod';
import { ServiceError } from '../../broker/service.ts';
import { defineOperation, type Operation } from '../operation.ts';
import { ApiProblem } from '../problems.ts';
import { pageJson, pageOf, pageQuery, pageSchema } from '../resources/common.ts';
import { explanationJson, explanationSchema } from '../resources/explanation.ts';
import { planJson, planSchema } from '../resources/plans.ts';
import { type WorkloadJson, workloadJson, workloadStateSchema } from '../resources/workloads.ts';
import { oneWorkloadBody, readWorkloadBody } from '../workload-body.ts';

const params = { id: 'Id or name of the workload' };

const listWorkloads = defineOperation({
  method: 'get',
  path: '/v1/workloads',
  id: 'listWorkloads',
  tag: 'Workloads',
  summary: 'List workloads with their leases',
  query: pageQuery,
  reply: { description: 'One page of workloads', schema: pageSchema(workloadStateSchema, 'WorkloadPage') },
  async handle({ service }, query) {
    return pageJson(await service.listWorkloads(pageOf(query)), workloadJson);
  },
});

const appliedSchema = z.strictObject({ items: z.array(workloadStateSchema) }).meta({ id: 'AppliedWorkloads' });

const applyWorkloads = defineOperation({
  method: 'post',
  path: '/v1/workloads',
  id: 'applyWorkloads',
  tag: 'Workloads',
  summary: 'Apply workloads: create them, or change those of the same team and name',
  description:
    'Repeating the request changes nothing. With dryRun=true nothing is stored: the answer is the plan that would follow.',
  query: { dryRun: z.enum(['true', 'false']).default('false') },
  body: oneWorkloadBody,
  reply: {
    description: 'The workloads, or the plan of a dry run',
    schema: z.union([appliedSchema, planSchema]),
  },
  problems: ['workload-conflict'],
  async handle({ service, request }, query) {
    const specs = readWorkloadBody(request);
    if (query.dryRun === 'true') return planJson(await service.dryRun(specs));
    const items: WorkloadJson[] = [];
    for (const spec of specs) {
      try {
        items.push(workloadJson(await service.applyWorkload(spec)));
      } catch (error) {
        if (!(error instanceof ServiceError) || specs.length === 1) throw error;
        const progress = `${items.length} of ${specs.length} workloads were applied before ${spec.team}/${spec.name}`;
        throw new ApiProblem(error.code, `${error.message} (${progress}; applying all of them again is safe)`);
      }
    }
    return { items };
  },
});

const getWorkload = defineOperation({
  method: 'get',
  path: '/v1/workloads/{id}',
  id: 'getWorkload',
  tag: 'Workloads',
  summary: 'Read one workload with its leases',
  params,
  reply: { description: 'The workload', schema: workloadStateSchema },
  problems: ['workload-not-found'],
  async handle({ service, param }) {
    return workloadJson(await service.getWorkload(param('id')));
  },
});

const deleteWorkload = defineOperation({
  method: 'delete',
  path: '/v1/workloads/{id}',
  id: 'deleteWorkload',
  tag: 'Workloads',
  summary: 'Delete a workload: its machines are released',
  description: 'The state is `deleting` until the clouds have proved that every machine is gone, then `deleted`.',
  params,
  reply: { description: 'The workload, deleting', schema: workloadStateSchema },
  problems: ['workload-not-found', 'workload-conflict'],
  async handle({ service, param }) {
    return workloadJson(await service.deleteWorkload(param('id')));
  },
});

const explainWorkload = defineOperation({
  method: 'get',
  path: '/v1/workloads/{id}/explanation',
  id: 'explainWorkload',
  tag: 'Workloads',
  summary: 'Explain why a workload runs where it runs: every alternative, and why it was not taken',
  params,
  reply: { description: 'The explanation', schema: explanationSchema },
  problems: ['workload-not-found', 'not-ready'],
  async handle({ service, param }) {
    return explanationJson(await service.explainWorkload(param('id')));
  },
});

export const workloadOperations: readonly Operation[] = [
  listWorkloads,
  applyWorkloads,
  getWorkload,
  deleteWorkload,
  explainWorkload,
];
