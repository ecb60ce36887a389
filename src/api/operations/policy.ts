import * as z from 'zod';
import { parsePolicy } from '../../config/policy.ts';
import { defineOperation, type Operation } from '../operation.ts';
import { policyCheckJson, policyCheckSchema, policyJson, policyStateSchema } from '../resources/policy.ts';
import { bodyText } from '../workload-body.ts';

const getPolicy = defineOperation({
  method: 'get',
  path: '/v1/policy',
  id: 'getPolicy',
  tag: 'Policy',
  summary: 'Read the policy in force',
  reply: { description: 'The policy', schema: policyStateSchema },
  async handle({ service }) {
    return policyJson(await service.getPolicy());
  },
});

const checkPolicy = defineOperation({
  method: 'post',
  path: '/v1/policy/check',
  id: 'checkPolicy',
  tag: 'Policy',
  summary: 'Check a policy without putting it in force',
  body: { description: 'A policy file', content: { 'application/yaml': z.string() } },
  reply: { description: 'Whether it is valid, and every mistake with line and column', schema: policyCheckSchema },
  async handle({ request }) {
    return policyCheckJson(parsePolicy('body', bodyText(request)));
  },
});

export const policyOperations: readonly Operation[] = [getPolicy, checkPolicy];
