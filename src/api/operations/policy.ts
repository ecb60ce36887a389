import * as z from 'zod';
import { parsePolicy } from '../../config/policy.ts';
import { defineOperation, type Operation } from '../operation.ts';
import { pageSchema } from '../resources/common.ts';
import { policyCheckJson, policyCheckSchema, policyJson, policyStateSchema } from '../resources/policy.ts';
import { bodyText } from '../workload-body.ts';

const listPolicies = defineOperation({
  method: 'get',
  path: '/v1/policies',
  id: 'listPolicies',
  tag: 'Policy',
  summary: 'List the policies in force',
  reply: { description: 'All policies in force, by name', schema: pageSchema(policyStateSchema, 'PolicyPage') },
  async handle({ service }) {
    return { items: (await service.listPolicies()).map(policyJson), next: null };
  },
});

const getPolicy = defineOperation({
  method: 'get',
  path: '/v1/policies/{name}',
  id: 'getPolicy',
  tag: 'Policy',
  summary: 'Read one policy in force',
  params: { name: 'Name of the policy' },
  reply: { description: 'The policy', schema: policyStateSchema },
  problems: ['policy-not-found'],
  async handle({ service, param }) {
    return policyJson(await service.getPolicy(param('name')));
  },
});

const checkPolicy = defineOperation({
  method: 'post',
  path: '/v1/policies/check',
  id: 'checkPolicy',
  tag: 'Policy',
  summary: 'Check a policy without putting it in force',
  body: { description: 'A policy file', content: { 'application/yaml': z.string() } },
  reply: { description: 'Whether it is valid, and every mistake with line and column', schema: policyCheckSchema },
  async handle({ request }) {
    return policyCheckJson(parsePolicy('body', bodyText(request)));
  },
});

export const policyOperations: readonly Operation[] = [listPolicies, getPolicy, checkPolicy];
