import * as z from 'zod';
import { DIVERSIFICATION_RULES, SHARE_MEASURES } from '../domain/policy.ts';
import {
  capShare,
  cron,
  distinctList,
  header,
  market,
  name,
  numberFrom,
  positiveUsdPerHour,
  providerId,
  regionPattern,
  share,
  teamPattern,
  timeZone,
  usd,
  usdPerHour,
  wholeNumber,
} from './fields.ts';
import { field } from './schema-issues.ts';

const survive = z.strictObject({ loss: z.enum(['provider', 'region']).default('provider'), keepShare: share });

const diversification = z.strictObject({
  measure: z.enum(SHARE_MEASURES).default('spend').describe('What shares are shares of'),
  enforceAbove: usdPerHour
    .prefault({ usdPerHour: 0 })
    .describe('Cheaper fleets are reported against the caps, not held to them'),
  minProviders: wholeNumber(1, 20).default(1).describe('Fewest providers the fleet is spread over'),
  minProviderShare: share.default(0).describe('Share from which on a provider counts for minProviders'),
  maxShare: z
    .strictObject({
      provider: capShare.nullable().default(null),
      region: capShare.nullable().default(null),
      zone: capShare.nullable().default(null),
      pool: capShare.nullable().default(null),
      market: capShare.nullable().default(null),
    })
    .prefault({})
    .describe('Largest share that any one provider, region, zone, pool or market may hold'),
  maxConcentration: capShare.nullable().default(null).describe('Largest Herfindahl-Hirschman index over providers'),
  survive: z
    .union([survive, field(z.array(survive).max(2), 'a list of at most two, one for each kind of loss')])
    .nullable()
    .default(null)
    .describe('Share of the replicas of each workload that outlives the loss of any one provider or region'),
  onInfeasible: z.enum(['hold', 'relax']).default('hold').describe('What to do when the rules leave no place'),
  relax: z.array(z.enum(DIVERSIFICATION_RULES)).default([]).describe('Rules to give up, in this order'),
});

const cost = z.strictObject({
  maxPremiumShare: field(
    z.number().min(0).max(100),
    'a share of 0 or more',
    'What diversification may cost over the unconstrained optimum',
  )
    .nullable()
    .default(null),
  maxPricePerMachine: positiveUsdPerHour.nullable().default(null),
  egressUsdPerGb: usd.default(0.09).describe('What reading a gigabyte from a workload’s home elsewhere costs'),
  budgets: z
    .array(
      z.strictObject({
        team: name,
        period: z.literal('month').default('month'),
        usd,
        action: z.enum(['refuse', 'alert']).default('refuse'),
      }),
    )
    .default([]),
  priceAdjustments: z
    .array(
      z.strictObject({
        match: field(
          z.string().regex(/^[A-Za-z0-9*_.+-]+:[A-Za-z0-9*_.+-]+:[A-Za-z0-9*_.+-]+$/),
          'a pattern provider:region:instanceType with *',
          'The first that matches applies',
        ),
        market: market.nullable().default(null).describe('Only in this market; without it, in all'),
        factor: field(z.number().gt(0).max(10), 'a factor above 0, such as 0.72'),
        reason: field(z.string().min(1).max(200), 'a text of 1 to 200 characters'),
      }),
    )
    .default([]),
});

const rebalance = z.strictObject({
  schedule: cron.nullable().default(null),
  timeZone: timeZone.default('UTC'),
  mode: z.enum(['propose', 'automatic', 'off']).default('propose'),
  moveCost: z
    .strictObject({ usd: usd.default(0.5) })
    .prefault({})
    .describe('What moving one replica costs once'),
  minSavings: z.strictObject({ usdPerHour: usd.default(1), share: share.default(0.05) }).prefault({}),
  maxPaybackHours: numberFrom(0, 8760).default(24),
  cooldownMinutes: wholeNumber(0, 525_600).default(60),
  disruption: z
    .strictObject({
      maxConcurrentMoves: wholeNumber(1, 1000).default(2),
      maxShareOfWorkload: capShare.default(0.25),
      windows: field(z.array(z.unknown()).max(0), 'an empty list: windows are not supported yet').default([]),
    })
    .prefault({}),
});

/** A policy file. Every default stands here, and only here. */
export const policySchema = z
  .strictObject({
    ...header('Policy'),
    metadata: z.strictObject({ name }),
    spec: z
      .strictObject({
        appliesTo: z.strictObject({ teams: distinctList(teamPattern).default(['*']) }).prefault({}),
        residency: z
          .strictObject({
            regions: z
              .strictObject({ allow: distinctList(regionPattern) })
              .nullable()
              .default(null),
          })
          .prefault({}),
        providers: z.strictObject({ allow: distinctList(providerId).nullable().default(null) }).prefault({}),
        markets: z
          .strictObject({
            allow: distinctList(market).default(['on-demand', 'spot', 'reserved']),
            maxSpotShare: share.nullable().default(null),
          })
          .prefault({}),
        diversification: diversification.prefault({}),
        cost: cost.prefault({}),
        rebalance: rebalance.prefault({}),
      })
      .prefault({}),
  })
  .meta({ id: 'PolicyDocument', title: 'gpu-broker policy' });

export type PolicyDocument = z.output<typeof policySchema>;
