import * as z from 'zod';
import type { CurveReport, PolicyReport, RiskReport } from '../../broker/analysis-service.ts';
import { field } from '../../config/schema-issues.ts';
import type { MicroUsdPerHour } from '../../domain/money.ts';
import type { RuleUse } from '../../domain/plan.ts';
import type { FleetFigures, FleetLoss, Premium, ReplicaLoss } from '../../domain/plan-analysis.ts';
import { DIVERSIFICATION_RULES } from '../../domain/policy.ts';
import { rateJson, rateSchema, timeJson, timeSchema } from './common.ts';

type NameOf = (workloadId: string) => string;

const unitShare = z.number().min(0).max(1);

const replicaLossSchema = z
  .strictObject({
    lost: z.string().meta({ description: 'A provider, or `provider:region`', example: 'aws:us-east-1' }),
    lostReplicas: z.int(),
    keptReplicas: z.int(),
    keptShare: unitShare.meta({ description: 'Of the replicas asked for: what `survive` speaks of' }),
  })
  .meta({ id: 'ReplicaLoss' });

const workloadRiskSchema = z
  .strictObject({
    workloadId: z.string(),
    workloadName: z.string(),
    replicasAsked: z.int(),
    replicasStanding: z.int().meta({ description: 'With all their machines, before any loss' }),
    worstProvider: replicaLossSchema.nullable().meta({ description: 'Null where nothing stands' }),
    worstRegion: replicaLossSchema.nullable(),
    providers: z.array(replicaLossSchema).meta({ description: 'Worst first' }),
    regions: z.array(replicaLossSchema).meta({ description: 'Worst first' }),
  })
  .meta({ id: 'WorkloadRisk' });
export type WorkloadRiskJson = z.infer<typeof workloadRiskSchema>;

const fleetLossSchema = z
  .strictObject({
    lost: z.string().meta({ description: 'A provider, or `provider:region`', example: 'aws' }),
    spend: rateSchema,
    spendShare: unitShare,
    acceleratorCount: z.int(),
    acceleratorShare: unitShare,
    lostReplicas: z.int().meta({ description: 'A gang that loses one machine is one replica lost' }),
    workloadsDown: z
      .array(z.strictObject({ workloadId: z.string(), workloadName: z.string() }))
      .meta({ description: 'Workloads that would have no replica left' }),
  })
  .meta({ id: 'FleetLoss' });
export type FleetLossJson = z.infer<typeof fleetLossSchema>;

export const riskSchema = z
  .strictObject({
    planId: z.string(),
    createdAt: timeSchema,
    providers: z.array(fleetLossSchema).meta({ description: 'Largest loss of spend first' }),
    regions: z.array(fleetLossSchema).meta({ description: 'Largest loss of spend first' }),
    workloads: z.array(workloadRiskSchema),
  })
  .meta({ id: 'Risk' });
export type RiskJson = z.infer<typeof riskSchema>;

export function riskJson({ planId, createdAt, risk, workloadNames }: RiskReport): RiskJson {
  const nameOf: NameOf = (id) => workloadNames[id] ?? id;
  return {
    planId,
    createdAt: timeJson(createdAt),
    providers: risk.providers.map((loss) => fleetLossJson(loss, nameOf)),
    regions: risk.regions.map((loss) => fleetLossJson(loss, nameOf)),
    workloads: risk.workloads.map(({ workloadId, replicasAsked, replicasStanding, providers, regions }) => ({
      workloadId,
      workloadName: nameOf(workloadId),
      replicasAsked,
      replicasStanding,
      worstProvider: replicaLossJson(providers[0]),
      worstRegion: replicaLossJson(regions[0]),
      providers: providers.map((loss) => ({ ...loss })),
      regions: regions.map((loss) => ({ ...loss })),
    })),
  };
}

function replicaLossJson(loss: ReplicaLoss | undefined): z.infer<typeof replicaLossSchema> | null {
  return loss === undefined ? null : { ...loss };
}

function fleetLossJson({ spendMicroUsdPerHour, workloadsDown, ...loss }: FleetLoss, nameOf: NameOf): FleetLossJson {
  return {
    ...loss,
    spend: rateJson(spendMicroUsdPerHour),
    workloadsDown: workloadsDown.map((workloadId) => ({ workloadId, workloadName: nameOf(workloadId) })),
  };
}

const figureFields = {
  cost: rateSchema.meta({ description: 'Spend of the whole fleet, of all policies together' }),
  effectiveCost: rateSchema.meta({ description: 'What the planner minimises: an hour of work, failures expected' }),
  effectiveBound: rateSchema.meta({ description: 'Proven: no plan with the same rules and replicas costs less' }),
  placedReplicas: z.int(),
  heldReplicas: z.int(),
  status: z.enum(['optimal', 'feasible', 'nothing-to-do']),
};
const figuresSchema = z.strictObject(figureFields).meta({ id: 'FleetFigures' });
export type FiguresJson = z.infer<typeof figuresSchema>;

const premiumFields = {
  premium: rateSchema.nullable().meta({
    description: 'Null where fewer replicas are placed with the rule than without: two fleets, not one price',
  }),
  premiumShare: z.number().min(0).nullable(),
  effectivePremium: rateSchema
    .nullable()
    .meta({ description: 'For an hour of work: where throughputs differ, only this shows what a rule costs' }),
  effectivePremiumShare: z.number().min(0).nullable(),
};

function figuresJson(figures: FleetFigures): FiguresJson {
  return {
    cost: rateJson(figures.costMicroUsdPerHour),
    effectiveCost: rateJson(figures.effectiveCostMicroUsdPerHour),
    effectiveBound: rateJson(figures.effectiveBoundMicroUsdPerHour),
    placedReplicas: figures.placedReplicas,
    heldReplicas: figures.heldReplicas,
    status: figures.status,
  };
}

function premiumJson(premium: Premium) {
  return {
    premium: rateOrNull(premium.premiumMicroUsdPerHour),
    premiumShare: premium.premiumShare,
    effectivePremium: rateOrNull(premium.effectivePremiumMicroUsdPerHour),
    effectivePremiumShare: premium.effectivePremiumShare,
  };
}

function rateOrNull(rate: MicroUsdPerHour | null) {
  return rate === null ? null : rateJson(rate);
}

const keepsLeases = z
  .boolean()
  .meta({ description: 'False: the whole fleet planned afresh, as if nothing ran; true: running leases stay' });

const ruleLineSchema = z.strictObject({
  subject: z.string().meta({ description: 'A provider, a region, a workload …; empty for the fleet', example: 'aws' }),
  value: z.number(),
});

const rulePremiumSchema = z
  .strictObject({
    rule: z.string().meta({ example: 'maxShare.provider' }),
    limit: z.number(),
    enforced: z.boolean().meta({ description: 'False where `enforceAbove` or `relax` lifts it' }),
    ...premiumFields,
    without: figuresSchema.meta({ description: 'With all rules but this one' }),
    binding: z.array(ruleLineSchema).meta({ description: 'What is at the limit' }),
  })
  .meta({ id: 'RulePremium' });

const marginalSchema = z
  .strictObject({
    rule: z.string().meta({ example: 'maxShare.provider' }),
    subject: z.string().meta({ description: 'What is at the limit; empty for the fleet', example: 'aws' }),
    limit: z.number(),
    savedPerPoint: rateSchema.meta({ description: 'Effective cost, for an hour of work' }),
  })
  .meta({ id: 'RulePrice' });

const conflictSchema = z
  .strictObject({
    rules: z.array(z.string()).meta({
      description: 'Minimal: these rules alone hold somebody, and without any one of them the others alone hold nobody',
    }),
    relaxations: z
      .array(
        z.strictObject({
          rule: z.string(),
          ...figureFields,
          gainedReplicas: z.int().meta({ description: 'Placed then, and not with all rules' }),
        }),
      )
      .meta({ description: 'What giving up each does, all other rules of the policy in force' }),
  })
  .meta({ id: 'RuleConflict' });

export const policyExplanationSchema = z
  .strictObject({
    policy: z.string(),
    at: timeSchema,
    keepsLeases,
    withRules: figuresSchema,
    withoutRules: figuresSchema.meta({ description: 'Without any diversification rule of this policy' }),
    ...premiumFields,
    rules: z.array(rulePremiumSchema),
    marginals: z.array(marginalSchema).meta({
      description: 'What one more point (0.01) of a limit would save, from the relaxation’s prices; dearest first',
    }),
    conflict: conflictSchema.nullable().meta({ description: 'Null where the rules hold nobody' }),
  })
  .meta({ id: 'PolicyExplanation' });
export type PolicyExplanationJson = z.infer<typeof policyExplanationSchema>;

export function policyExplanationJson(report: PolicyReport): PolicyExplanationJson {
  const { price, workloadNames } = report;
  const { conflict } = price;
  const line = ({ subject, value }: RuleUse) => ({ subject: workloadNames[subject] ?? subject, value });
  return {
    policy: price.policy,
    at: timeJson(report.at),
    keepsLeases: report.keepsLeases,
    withRules: figuresJson(price.withRules),
    withoutRules: figuresJson(price.withoutRules),
    ...premiumJson(price),
    rules: price.rules.map((premium) => ({
      rule: premium.rule,
      limit: premium.limit,
      enforced: premium.enforced,
      ...premiumJson(premium),
      without: figuresJson(premium.without),
      binding: premium.binding.map(line),
    })),
    marginals: price.marginals.map(({ rule, subject, limit, savedMicroUsdPerHourPerPoint }) => ({
      ...{ rule, subject, limit },
      savedPerPoint: rateJson(savedMicroUsdPerHourPerPoint),
    })),
    conflict: conflict && {
      rules: [...conflict.rules],
      relaxations: conflict.relaxations.map((relaxation) => ({
        rule: relaxation.rule,
        ...figuresJson(relaxation),
        gainedReplicas: relaxation.gainedReplicas,
      })),
    },
  };
}

const limitField = field(z.number().min(0).max(1000), 'a share from 0 to 1, or for minProviders a whole number');

/** Whether the rule can have the limit is checked with the rule known. */
export const curveRequestSchema = z
  .strictObject({
    rule: z.enum(DIVERSIFICATION_RULES),
    limits: field(z.array(limitField).min(1).max(50), 'a list of 1 to 50 limits')
      .optional()
      .meta({ description: 'Shares 0..1, or counts for minProviders; by default nine, and the policy’s own' }),
  })
  .meta({ id: 'PremiumCurveRequest' });

export const curveSchema = z
  .strictObject({
    policy: z.string(),
    at: timeSchema,
    rule: z.enum(DIVERSIFICATION_RULES),
    currentLimit: z.number().nullable().meta({ description: 'Null: the policy has no such rule' }),
    keepsLeases,
    baseline: figuresSchema.meta({ description: 'Without the rule, all others in force' }),
    points: z
      .array(
        z
          .strictObject({
            limit: z.number(),
            ...figureFields,
            ...premiumFields,
            binding: z.boolean(),
            isCurrent: z.boolean().meta({ description: 'The limit that the policy has now' }),
          })
          .meta({ id: 'CurvePoint' }),
      )
      .meta({ description: 'By limit, ascending' }),
  })
  .meta({ id: 'PremiumCurve' });
export type CurveJson = z.infer<typeof curveSchema>;

export function curveJson(curve: CurveReport): CurveJson {
  return {
    policy: curve.policy,
    at: timeJson(curve.at),
    rule: curve.rule,
    currentLimit: curve.currentLimit,
    keepsLeases: curve.keepsLeases,
    baseline: figuresJson(curve.baseline),
    points: curve.points.map((point) => ({
      limit: point.limit,
      ...figuresJson(point),
      ...premiumJson(point),
      binding: point.binding,
      isCurrent: point.isCurrent,
    })),
  };
}
