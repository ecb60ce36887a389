import * as z from 'zod';
import { checkAgainst } from '../../config/schema-issues.ts';
import { REBALANCE_STATES } from '../../domain/rebalance.ts';
import { callerSignal } from '../caller-signal.ts';
import { defineOperation, type Operation } from '../operation.ts';
import { ApiProblem, invalidBody } from '../problems.ts';
import { pageJson, pageOf, pageQuery, pageSchema } from '../resources/common.ts';
import {
  rebalanceJson,
  rebalanceLookJson,
  rebalanceLookSchema,
  rebalanceRequestSchema,
  rebalanceSchema,
} from '../resources/rebalances.ts';

const tag = 'Rebalances';

const listRebalances = defineOperation({
  method: 'get',
  path: '/v1/rebalances',
  id: 'listRebalances',
  tag,
  summary: 'List rebalances that the broker proposed, newest first',
  description: 'At most one is `proposed` at a time.',
  query: { state: z.enum(REBALANCE_STATES).optional(), ...pageQuery },
  reply: { description: 'One page of rebalances', schema: pageSchema(rebalanceSchema, 'RebalancePage') },
  async handle({ service }, query) {
    return pageJson(await service.listRebalances({ state: query.state ?? null }, pageOf(query)), rebalanceJson);
  },
});

const getRebalance = defineOperation({
  method: 'get',
  path: '/v1/rebalances/{id}',
  id: 'getRebalance',
  tag,
  summary: 'Read one rebalance: each move with its reason, the fleet before and after, when it pays back',
  params: { id: 'Id of the rebalance' },
  reply: { description: 'The rebalance', schema: rebalanceSchema },
  problems: ['rebalance-not-found'],
  async handle({ service, param }) {
    return rebalanceJson(await service.getRebalance(param('id')));
  },
});

const lookForRebalance = defineOperation({
  method: 'post',
  path: '/v1/rebalances',
  id: 'lookForRebalance',
  tag,
  summary: 'Look now what moving running leases would bring, whether or not it pays, and why',
  description: 'Only with `dryRun: true`: stores and moves nothing. Ends when the caller goes away.',
  body: { description: 'How', content: { 'application/json': rebalanceRequestSchema } },
  reply: { description: 'What the look came to', schema: rebalanceLookSchema },
  problems: ['not-ready', 'analysis-timeout'],
  async handle({ service, request, response }) {
    checkDryRun(request.body);
    return rebalanceLookJson(await service.lookForRebalance(callerSignal(response)));
  },
});

function checkDryRun(body: unknown): void {
  const checked = checkAgainst(rebalanceRequestSchema, body ?? {});
  if (checked.ok) return;
  const words = 'A rebalance can only be looked for: send {"dryRun": true}, which answers at once and changes nothing';
  throw new ApiProblem('validation-failed', words, invalidBody(checked.issues).errors);
}

export const rebalanceOperations: readonly Operation[] = [listRebalances, getRebalance, lookForRebalance];
