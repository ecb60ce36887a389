import { promisify } from 'node:util';
import { gzip } from 'node:zlib';
import type { Request } from 'express';
import * as z from 'zod';
import { checkAgainst, field } from '../../config/schema-issues.ts';
import type { CurveQuestion } from '../../domain/plan-analysis.ts';
import { callerSignal } from '../caller-signal.ts';
import { defineOperation, HANDLED, type Operation } from '../operation.ts';
import { invalidBody } from '../problems.ts';
import {
  curveJson,
  curveRequestSchema,
  curveSchema,
  policyExplanationJson,
  policyExplanationSchema,
  riskJson,
  riskSchema,
} from '../resources/analysis.ts';
import { planRecordJson, planRecordSchema, replayJson, replaySchema } from '../resources/replay.ts';

const pack = promisify(gzip);
const GZIP = 'application/gzip';

const planId = { id: 'Id of the plan' };
const policyName = { name: 'Name of a policy in force' };
const choice = {
  keepLeases: field(z.enum(['true', 'false']), 'true or false')
    .default('false')
    .meta({
      description: 'Whether running leases stay where they are; else the whole fleet is planned as if nothing ran',
    }),
};
const ENDS_WITH_CALLER = 'Plans several times; ends when the caller goes away.';

const getRisk = defineOperation({
  method: 'get',
  path: '/v1/plans/{id}/risk',
  id: 'getPlanRisk',
  tag: 'Plans',
  summary: 'Read what the fleet of a plan would lose with each provider and each region',
  params: planId,
  reply: { description: 'Losses of the fleet and of each workload, the worst first', schema: riskSchema },
  problems: ['plan-not-found'],
  async handle({ service, param }) {
    return riskJson(await service.getRisk(param('id')));
  },
});

const getInput = defineOperation({
  method: 'get',
  path: '/v1/plans/{id}/input',
  id: 'getPlanInput',
  tag: 'Plans',
  summary: 'Download everything that a plan was made from, with the plan; with `Accept: application/gzip`, packed',
  description: '`gpu-broker replay --file` makes the plan again from it, without a broker.',
  params: planId,
  reply: {
    description: 'The record of the plan',
    schema: planRecordSchema,
    otherContent: { [GZIP]: z.string().meta({ format: 'binary', description: 'The same JSON, gzip' }) },
  },
  problems: ['plan-not-found'],
  async handle({ service, param, request, response }) {
    const record = planRecordJson(await service.getPlanRecord(param('id')));
    if (request.accepts(['application/json', GZIP]) !== GZIP) return record;
    response.type(GZIP).attachment(`plan-${record.planId}.json.gz`);
    response.send(await pack(JSON.stringify(record)));
    return HANDLED;
  },
});

const replayPlan = defineOperation({
  method: 'post',
  path: '/v1/plans/{id}/replay',
  id: 'replayPlan',
  tag: 'Plans',
  summary: 'Make a plan again from its stored input, and compare byte for byte',
  description:
    'Changes nothing. Where another version made the plan, both versions are told and it is compared all the same.',
  params: planId,
  reply: { description: 'Equal, or where the two differ', schema: replaySchema },
  problems: ['plan-not-found', 'analysis-timeout'],
  async handle({ service, param, response }) {
    return replayJson(await service.replayPlan(param('id'), callerSignal(response)));
  },
});

const explainPolicy = defineOperation({
  method: 'post',
  path: '/v1/policies/{name}/explain',
  id: 'explainPolicy',
  tag: 'Policy',
  summary: 'Price a policy and each of its rules, and name the rules that are in each other’s way',
  description: ENDS_WITH_CALLER,
  params: policyName,
  query: choice,
  reply: { description: 'What the rules cost', schema: policyExplanationSchema },
  problems: ['policy-not-found', 'not-ready', 'analysis-timeout'],
  async handle({ service, param, response }, query) {
    const keepLeases = query.keepLeases === 'true';
    return policyExplanationJson(await service.explainPolicy(param('name'), { keepLeases }, callerSignal(response)));
  },
});

const premiumCurve = defineOperation({
  method: 'post',
  path: '/v1/policies/{name}/premium-curve',
  id: 'drawPremiumCurve',
  tag: 'Policy',
  summary: 'Tell the cost of the fleet as a function of one limit',
  description: ENDS_WITH_CALLER,
  params: policyName,
  query: choice,
  body: { description: 'The rule, and perhaps the limits', content: { 'application/json': curveRequestSchema } },
  reply: { description: 'One plan’s figures for each limit', schema: curveSchema },
  problems: ['policy-not-found', 'not-ready', 'analysis-timeout'],
  async handle({ service, param, request, response }, query) {
    const question = { policy: param('name'), ...curveQuestion(request) };
    const keepLeases = query.keepLeases === 'true';
    return curveJson(await service.drawCurve(question, { keepLeases }, callerSignal(response)));
  },
});

function curveQuestion(request: Request): Omit<CurveQuestion, 'policy'> {
  const checked = checkAgainst(curveRequestSchema, request.body);
  if (!checked.ok) throw invalidBody(checked.issues);
  const { rule, limits = null } = checked.value;
  const isCount = rule === 'minProviders';
  const issues = (limits ?? []).flatMap((limit, index) => {
    if (isCount ? Number.isInteger(limit) && limit >= 1 : limit <= 1) return [];
    const allowed = isCount ? 'a whole number of 1 or more' : 'a share from 0 to 1';
    return [
      {
        path: ['limits', index],
        at: 'value' as const,
        message: `${limit} is no limit of ${rule}; allowed: ${allowed}`,
      },
    ];
  });
  if (issues.length > 0) throw invalidBody(issues);
  return { rule, limits };
}

export const analysisOperations: readonly Operation[] = [getRisk, getInput, replayPlan, explainPolicy, premiumCurve];
