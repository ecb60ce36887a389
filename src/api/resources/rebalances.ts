import * as z from 'zod';
import type { RebalanceLook, RebalanceView } from '../../broker/rebalance-service.ts';
import type { FleetFigure, MovedLease, Rebalance, RebalanceMove } from '../../domain/rebalance.ts';
import { MOVE_CAUSES, REBALANCE_CAUSES, REBALANCE_STATES } from '../../domain/rebalance.ts';
import {
  amountJson,
  amountSchema,
  poolJson,
  poolSchema,
  rateJson,
  rateSchema,
  sharesJson,
  sharesSchema,
  timeJson,
  timeSchema,
} from './common.ts';
import { plannedMachineJson, plannedMachineSchema, policyRefsSchema } from './plans.ts';

const movedLeaseSchema = z
  .strictObject({
    leaseId: z.string(),
    pool: poolSchema,
    accelerator: z.string(),
    acceleratorCount: z.int(),
    price: rateSchema.meta({ description: 'Price in force' }),
    adjustedPrice: rateSchema.meta({ description: 'After the policies’ price adjustments; what costs count' }),
  })
  .meta({ id: 'MovedLease' });

const moveSchema = z
  .strictObject({
    workloadId: z.string(),
    workloadName: z.string(),
    replicas: z.array(z.int()).meta({ description: 'Those that change machines together' }),
    from: z.array(movedLeaseSchema).meta({ description: 'Leases given up once the new machines are ready' }),
    to: z.array(plannedMachineSchema).meta({ description: 'Empty where others go first' }),
    costNow: rateSchema,
    costAfter: rateSchema,
    why: z.strictObject({
      cause: z.enum(MOVE_CAUSES),
      detail: z.string().meta({ description: 'In words, with the figures', example: '12.04 $/h less' }),
    }),
  })
  .meta({ id: 'RebalanceMove' });

const figureSchema = z
  .strictObject({
    cost: rateSchema,
    shares: z.strictObject({ provider: sharesSchema, region: sharesSchema, market: sharesSchema }),
    concentration: z.number().meta({ description: 'Herfindahl-Hirschman index of the providers’ spend' }),
  })
  .meta({ id: 'FleetFigure' });

const figures = {
  cause: z.enum(REBALANCE_CAUSES).meta({
    description: 'places: replicas without a place get one; mends: broken rules are kept again; saves: it costs less',
  }),
  moves: z.array(moveSchema),
  added: z.array(plannedMachineSchema).meta({ description: 'Besides the moves: for replicas that have no place now' }),
  now: figureSchema.meta({ description: 'The fleet where everything stays' }),
  after: figureSchema,
  saved: rateSchema.meta({ description: 'Effective cost of an hour of work, before what the moves cost' }),
  savedShare: z.number().meta({ description: 'Of the effective cost of staying' }),
  moveCost: amountSchema.meta({ description: 'What the moves cost once' }),
  paybackHours: z.number().nullable().meta({ description: 'Null where nothing is saved' }),
};

const figuresSchema = z.strictObject(figures).meta({ id: 'RebalanceFigures' });

export const rebalanceSchema = z
  .strictObject({
    id: z.string(),
    state: z.enum(REBALANCE_STATES).meta({
      description:
        'superseded: a later look came to something else, or to nothing; expired: no look confirmed it in time',
    }),
    stateReason: z.string().nullable(),
    createdAt: timeSchema,
    confirmedAt: timeSchema.meta({ description: 'When a look last came to the same' }),
    expiresAt: timeSchema.meta({ description: 'Unless a look confirms it before' }),
    policies: policyRefsSchema,
    ...figures,
  })
  .meta({ id: 'Rebalance' });
export type RebalanceJson = z.infer<typeof rebalanceSchema>;

export const rebalanceLookSchema = z
  .strictObject({
    at: timeSchema,
    pays: z.boolean().meta({ description: 'Whether the broker would propose it' }),
    reason: z.string().meta({ description: 'Why it pays or does not, with the figures' }),
    isSettled: z
      .boolean()
      .meta({ description: 'False while something is being placed or started: the broker proposes nothing then' }),
    policies: policyRefsSchema,
    rebalance: figuresSchema.nullable().meta({ description: 'Null where nothing would move' }),
  })
  .meta({ id: 'RebalanceLook' });
export type RebalanceLookJson = z.infer<typeof rebalanceLookSchema>;
export type RebalanceFiguresJson = z.infer<typeof figuresSchema>;

export const rebalanceRequestSchema = z
  .strictObject({
    dryRun: z.literal(true).meta({ description: 'Must be true: looks now, answers, and changes nothing' }),
  })
  .meta({ id: 'RebalanceRequest' });

type Names = Readonly<Record<string, string>>;

function movedLeaseJson(lease: MovedLease): z.infer<typeof movedLeaseSchema> {
  return {
    leaseId: lease.leaseId,
    pool: poolJson(lease.pool),
    accelerator: lease.accelerator,
    acceleratorCount: lease.acceleratorCount,
    price: rateJson(lease.priceMicroUsdPerHour),
    adjustedPrice: rateJson(lease.adjustedPriceMicroUsdPerHour),
  };
}

function moveJson(move: RebalanceMove, names: Names): z.infer<typeof moveSchema> {
  return {
    workloadId: move.workloadId,
    workloadName: names[move.workloadId] ?? move.workloadId,
    replicas: [...move.replicas],
    from: move.from.map(movedLeaseJson),
    to: move.to.map((machine) => plannedMachineJson(machine, names)),
    costNow: rateJson(move.costNowMicroUsdPerHour),
    costAfter: rateJson(move.costAfterMicroUsdPerHour),
    why: { ...move.why },
  };
}

function figureJson({ costMicroUsdPerHour, shares, concentration }: FleetFigure): z.infer<typeof figureSchema> {
  const { provider, region, market } = shares;
  return {
    cost: rateJson(costMicroUsdPerHour),
    shares: { provider: sharesJson(provider), region: sharesJson(region), market: sharesJson(market) },
    concentration,
  };
}

function figuresJson(rebalance: Rebalance, names: Names): RebalanceFiguresJson {
  return {
    cause: rebalance.cause,
    moves: rebalance.moves.map((move) => moveJson(move, names)),
    added: rebalance.added.map((machine) => plannedMachineJson(machine, names)),
    now: figureJson(rebalance.now),
    after: figureJson(rebalance.after),
    saved: rateJson(rebalance.savedMicroUsdPerHour),
    savedShare: rebalance.savedShare,
    moveCost: amountJson(rebalance.moveCostMicroUsd),
    paybackHours: rebalance.paybackHours,
  };
}

export function rebalanceJson(view: RebalanceView): RebalanceJson {
  return {
    id: view.id,
    state: view.state,
    stateReason: view.stateReason,
    createdAt: timeJson(view.createdAt),
    confirmedAt: timeJson(view.confirmedAt),
    expiresAt: timeJson(view.expiresAt),
    policies: view.policies.map(({ name, version }) => ({ name, version })),
    ...figuresJson(view.rebalance, view.workloadNames),
  };
}

export function rebalanceLookJson(look: RebalanceLook): RebalanceLookJson {
  const { pays, reason, isSettled, rebalance } = look;
  return {
    at: timeJson(look.at),
    ...{ pays, reason, isSettled },
    policies: look.policies.map(({ name, version }) => ({ name, version })),
    rebalance: rebalance === null ? null : figuresJson(rebalance, look.workloadNames),
  };
}
