import type { ServiceRules } from '../../src/planning/spot-services/service-state.ts';
import { allOnDemand, evenSpread, spotHedge } from './baselines.ts';
import { optimalCostShare } from './optimum.ts';
import { ours } from './ours.ts';
import { type ServiceFigures, type ServiceOptions, simulateService } from './simulate.ts';
import type { ServiceWorld } from './world.ts';

export interface RunOptions extends ServiceOptions {
  readonly minAvailable: number;
  readonly maxZoneShare: number;
  /** Values of `ServiceRules.shortageWeight`, each a row. */
  readonly weights: readonly number[];
  /** SpotHedge's replicas over N, each a row. */
  readonly overs: readonly number[];
  /** Runs of SpotHedge, which draws lots, that its figures are the mean (of losses and shares: the greatest) of. */
  readonly seeds: number;
  readonly withOptimum: boolean;
}

/** `figures` has availability and cost alone where nothing was simulated. */
export interface ServiceRow {
  readonly name: string;
  readonly figures: Pick<ServiceFigures, 'availability' | 'costShare'> | ServiceFigures;
}

export interface TraceReport {
  readonly trace: string;
  readonly options: RunOptions;
  readonly days: number;
  readonly rows: readonly ServiceRow[];
}

export async function runService(world: ServiceWorld, options: RunOptions): Promise<TraceReport> {
  const rows: ServiceRow[] = [
    { name: 'all on-demand', figures: simulateService(world, options, allOnDemand(options)) },
    { name: 'even spread, spot only', figures: simulateService(world, options, evenSpread(world, options)) },
    ...options.overs.map((over) => ({ name: `SpotHedge, over = ${over}`, figures: hedged(world, options, over) })),
    ...oursOf(world, options, 'held'),
    ...oursOf(world, options, 'counted'),
    ...(options.withOptimum ? await optima(world, options) : []),
  ];
  return { trace: world.name, options, days: (world.stepCount * world.stepSeconds) / 86_400, rows };
}

function oursOf(world: ServiceWorld, options: RunOptions, zoneShareOf: ServiceRules['zoneShareOf']): ServiceRow[] {
  const { replicas, minAvailable, maxZoneShare, coldStartSeconds } = options;
  return options.weights.map((shortageWeight) => {
    const reactionSeconds = world.stepSeconds;
    const rules = {
      replicas,
      minAvailable,
      maxZoneShare,
      zoneShareOf,
      coldStartSeconds,
      reactionSeconds,
      shortageWeight,
    };
    return {
      name: `ours, share of ${zoneShareOf}, weight ${shortageWeight}`,
      figures: simulateService(world, options, ours(world, rules)),
    };
  });
}

function hedged(world: ServiceWorld, options: RunOptions, over: number): ServiceFigures {
  const runs = Array.from({ length: options.seeds }, (_, seed) =>
    simulateService(world, options, spotHedge(world, options, over, seededRandom(seed + 1))),
  );
  const mean = (of: (figures: ServiceFigures) => number): number =>
    runs.reduce((sum, run) => sum + of(run), 0) / runs.length;
  const most = (of: (figures: ServiceFigures) => number): number => Math.max(...runs.map(of));
  return {
    availability: mean((run) => run.availability),
    costShare: mean((run) => run.costShare),
    worstLossShare: most((run) => run.worstLossShare),
    worstZoneLossShare: most((run) => run.worstZoneLossShare),
    largestZoneShare: most((run) => run.largestZoneShare),
    largestCountedShare: most((run) => run.largestCountedShare),
    launches: mean((run) => run.launches),
    refusals: mean((run) => run.refusals),
    losses: mean((run) => run.losses),
    onDemandHours: mean((run) => run.onDemandHours),
    spotHours: mean((run) => run.spotHours),
    missing: (runs[0]?.missing ?? []).map((_, count) => mean((run) => run.missing[count] ?? 0)),
  };
}

/** Park and Miller's generator, in [0, 1). */
function seededRandom(seed: number): () => number {
  let state = (seed * 48_271) % 2_147_483_647;
  return () => {
    state = (state * 48_271) % 2_147_483_647;
    return (state - 1) / 2_147_483_646;
  };
}

async function optima(world: ServiceWorld, options: RunOptions): Promise<readonly ServiceRow[]> {
  const { replicas, maxZoneShare } = options;
  const share = maxZoneShare * replicas;
  const percent = `${Math.round(maxZoneShare * 100)} %`;
  const whole = Math.max(1, Math.floor(share + 1e-9));
  const rules = [
    { name: 'optimum', rule: {} },
    { name: `optimum, zone <= ${percent} of N, machines split`, rule: { most: share } },
    { name: `optimum, zone <= ${whole} of ${replicas} held`, rule: { most: whole } },
    { name: `optimum, zone <= ${whole} of ${replicas} counted`, rule: { keep: replicas - whole } },
  ];
  const rows: ServiceRow[] = [];
  for (const { name, rule } of rules) {
    const costShare = await optimalCostShare(world, options, rule);
    if (costShare !== null) rows.push({ name, figures: { availability: 1, costShare } });
  }
  return rows;
}
