import * as z from 'zod';
import type { PlanView } from '../../broker/service.ts';
import type { PlannedMachine } from '../../domain/plan.ts';
import {
  poolJson,
  poolSchema,
  rateJson,
  rateSchema,
  shareSchema,
  sharesJson,
  sharesSchema,
  timeJson,
  timeSchema,
} from './common.ts';
import { holdReasonJson, holdReasonSchema } from './workloads.ts';

export const plannedMachineSchema = z
  .strictObject({
    workloadId: z.string(),
    workloadName: z.string(),
    replicas: z.array(z.int()),
    part: z.int(),
    partCount: z.int(),
    pool: poolSchema,
    accelerator: z.string(),
    acceleratorCount: z.int(),
    price: rateSchema.meta({ description: 'List or spot price as observed' }),
    adjustedPrice: rateSchema.meta({ description: 'After the policy’s price adjustments; what caps and cost count' }),
  })
  .meta({ id: 'PlannedMachine' });

const heldSchema = z
  .strictObject({
    workloadId: z.string(),
    workloadName: z.string(),
    replicas: z.array(z.int()),
    reasons: z.array(holdReasonSchema),
  })
  .meta({ id: 'HeldReplicas' });

const ruleUseSchema = z
  .strictObject({
    policy: z.string().meta({ description: 'The policy that states the rule', example: 'default' }),
    rule: z.string().meta({ example: 'maxShare.provider' }),
    subject: z.string().meta({
      description: 'What the rule was applied to: a provider, a region, a workload …; empty for the fleet',
      example: 'aws',
    }),
    value: z.number(),
    limit: z.number(),
    enforced: z.boolean(),
    binding: z.boolean().meta({ description: 'At its limit, so that it may cost money' }),
  })
  .meta({ id: 'RuleUse' });
export type RuleUseJson = z.infer<typeof ruleUseSchema>;

export const policyRefsSchema = z
  .array(z.strictObject({ name: z.string(), version: z.int() }))
  .meta({ description: 'Those it was made under, in the order of their names' });

const summaryFields = {
  id: z.string().nullable().meta({ description: 'Null for a dry run' }),
  createdAt: timeSchema,
  trigger: z.string(),
  policies: policyRefsSchema,
  elapsedMs: z.number(),
  solver: z.string(),
  status: z.enum(['optimal', 'feasible', 'nothing-to-do']),
  effort: z
    .enum(['quick', 'full'])
    .meta({ description: 'quick: the first good answer, where the search took too long' }),
  cost: rateSchema.meta({ description: 'Of the whole fleet after the plan' }),
  lowerBound: rateSchema.meta({ description: 'No plan under the same rules costs less: proven' }),
  effectiveCost: rateSchema.meta({
    description: 'What was minimised: an hour of work of the fleet, failures expected',
  }),
  effectiveBound: rateSchema.meta({
    description: 'No plan that places the same replicas under the same rules has less: proven',
  }),
  gapShare: shareSchema,
  unconstrainedCost: rateSchema.meta({ description: 'The cheapest fleet without the diversification rules' }),
  premiumShare: z.number().meta({ description: 'What the rules cost, as a share of the unconstrained cost' }),
  machineCount: z.int(),
  heldCount: z.int().meta({ description: 'Workloads with replicas that found no place' }),
};

export const planSummarySchema = z.strictObject(summaryFields).meta({ id: 'PlanSummary' });
export type PlanSummaryJson = z.infer<typeof planSummarySchema>;

export const planSchema = z
  .strictObject({
    ...summaryFields,
    machines: z.array(plannedMachineSchema).meta({ description: 'To launch' }),
    keptLeaseIds: z.array(z.string()),
    releasedLeaseIds: z
      .array(z.string())
      .meta({ description: 'Given up once their replacement is ready; empty unless moves were asked for' }),
    held: z.array(heldSchema),
    rules: z.array(ruleUseSchema),
    shares: z.strictObject({ provider: sharesSchema, region: sharesSchema, market: sharesSchema }),
    concentration: z.number().meta({ description: 'Herfindahl-Hirschman index of the providers’ spend' }),
  })
  .meta({ id: 'Plan' });
export type PlanJson = z.infer<typeof planSchema>;

export function planSummaryJson(view: PlanView): PlanSummaryJson {
  const { plan } = view;
  return {
    id: view.id,
    createdAt: timeJson(view.createdAt),
    trigger: view.trigger,
    policies: view.policies.map(({ name, version }) => ({ name, version })),
    elapsedMs: view.elapsedMs,
    solver: plan.solver,
    status: plan.status,
    effort: plan.effort,
    cost: rateJson(plan.costMicroUsdPerHour),
    lowerBound: rateJson(plan.lowerBoundMicroUsdPerHour),
    effectiveCost: rateJson(plan.effectiveCostMicroUsdPerHour),
    effectiveBound: rateJson(plan.effectiveBoundMicroUsdPerHour),
    gapShare: plan.gapShare,
    unconstrainedCost: rateJson(plan.unconstrainedCostMicroUsdPerHour),
    premiumShare: plan.premiumShare,
    machineCount: plan.machines.length,
    heldCount: new Set(plan.held.map(({ workloadId }) => workloadId)).size,
  };
}

export function plannedMachineJson(
  machine: PlannedMachine,
  names: Readonly<Record<string, string>>,
): z.infer<typeof plannedMachineSchema> {
  return {
    workloadId: machine.workloadId,
    workloadName: names[machine.workloadId] ?? machine.workloadId,
    replicas: [...machine.replicas],
    part: machine.part,
    partCount: machine.partCount,
    pool: poolJson(machine.pool),
    accelerator: machine.accelerator,
    acceleratorCount: machine.acceleratorCount,
    price: rateJson(machine.priceMicroUsdPerHour),
    adjustedPrice: rateJson(machine.adjustedPriceMicroUsdPerHour),
  };
}

export function planJson(view: PlanView): PlanJson {
  const { plan } = view;
  const nameOf = (workloadId: string): string => view.workloadNames[workloadId] ?? workloadId;
  return {
    ...planSummaryJson(view),
    machines: plan.machines.map((machine) => plannedMachineJson(machine, view.workloadNames)),
    keptLeaseIds: [...plan.keptLeaseIds],
    releasedLeaseIds: [...plan.releasedLeaseIds],
    held: plan.held.map((held) => ({
      workloadId: held.workloadId,
      workloadName: nameOf(held.workloadId),
      replicas: [...held.replicas],
      reasons: held.reasons.map(holdReasonJson),
    })),
    rules: plan.rules.map((use) => ({
      policy: use.policy,
      rule: use.rule,
      subject: view.workloadNames[use.subject] ?? use.subject,
      value: use.value,
      limit: use.limit,
      enforced: use.enforced,
      binding: use.binding,
    })),
    shares: {
      provider: sharesJson(plan.shares.provider),
      region: sharesJson(plan.shares.region),
      market: sharesJson(plan.shares.market),
    },
    concentration: plan.concentration,
  };
}
