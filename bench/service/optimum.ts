import { type Column, LinearModel } from '../../src/planning/solver.ts';
import type { ServiceOptions } from './simulate.ts';
import type { ServiceWorld } from './world.ts';

/** What a zone may hold in the optimum: `most` machines, or as many as leave `keep` in the others. */
export interface SpreadRule {
  readonly most?: number;
  readonly keep?: number;
}

/** A stretch of steps in which nothing changes: the same machines are held from its first step to its last. */
interface Stretch {
  readonly from: number;
  readonly to: number;
}

/**
 * The least that N replicas ready at all times (after the first cold start) cost whoever knows the whole trace, as a share of N on-demand machines: a
 * linear programme over machines held and machines ready in each zone, so a machine may be split and the figure is a bound that no policy
 * reaches. On-demand machines are one lot with room for what the rule lets all zones together hold.
 * Null where the rule leaves no room for N.
 */
export async function optimalCostShare(
  world: ServiceWorld,
  options: ServiceOptions,
  rule: SpreadRule,
): Promise<number | null> {
  const cold = Math.ceil(options.coldStartSeconds / world.stepSeconds - 1e-9);
  const stretches = stretchesOf(world, cold);
  const draft = createDraft();
  const spot = world.zones.filter(({ hasSpot }) => hasSpot);
  const fallback = { priceAt: () => world.onDemandPrice, nodesAt: () => Number.POSITIVE_INFINITY };
  const lots = [...spot.map((zone) => ({ priceAt: zone.spotPriceAt, nodesAt: zone.nodesAt })), fallback];
  const paidSteps = world.stepCount - cold;
  const held = lots.map((lot) =>
    stretches.map(({ from, to }) => {
      const steps = Math.max(0, to - Math.max(from, cold) + 1);
      return draft.column(lot.priceAt(from) * steps, Math.min(lot.nodesAt(from), 2 * options.replicas));
    }),
  );
  for (const [index, stretch] of stretches.entries()) {
    spreadRows(
      draft,
      held.map((own) => own[index] ?? 0),
      rule,
      world.zones.length,
    );
    if (stretch.from < cold) continue;
    const ready = held.map((own) => readyColumn(draft, own, stretches, index, cold));
    draft.row(
      ready,
      ready.map(() => 1),
      options.replicas,
      Number.POSITIVE_INFINITY,
    );
  }
  const objective = await draft.solve();
  return objective === null ? null : objective / (options.replicas * world.onDemandPrice * paidSteps);
}

type Draft = ReturnType<typeof createDraft>;

/** Ready in a stretch: held from a cold start before it to its end. */
function readyColumn(
  draft: Draft,
  held: readonly number[],
  stretches: readonly Stretch[],
  index: number,
  cold: number,
): number {
  const ready = draft.column(0, Number.POSITIVE_INFINITY);
  const since = (stretches[index]?.from ?? 0) - cold;
  for (let before = index; before >= 0 && (stretches[before]?.to ?? -1) >= since; before -= 1) {
    draft.row([ready, held[before] ?? 0], [1, -1], Number.NEGATIVE_INFINITY, 0);
  }
  return ready;
}

/** The last column is on-demand, which may be in any zone. */
function spreadRows(draft: Draft, columns: readonly number[], rule: SpreadRule, zones: number): void {
  const spot = columns.slice(0, -1);
  if (rule.most !== undefined) {
    for (const column of spot) draft.row([column], [1], Number.NEGATIVE_INFINITY, rule.most);
    draft.row(
      columns,
      columns.map(() => 1),
      Number.NEGATIVE_INFINITY,
      rule.most * zones,
    );
  }
  if (rule.keep !== undefined) {
    for (const column of spot) {
      const others = columns.filter((other) => other !== column);
      draft.row(
        others,
        others.map(() => 1),
        rule.keep,
        Number.POSITIVE_INFINITY,
      );
    }
  }
}

/** Solutions only change where capacity or prices do, a cold start before that, or a cold start after. */
function stretchesOf(world: ServiceWorld, cold: number): readonly Stretch[] {
  const starts = new Set([0, cold]);
  for (let step = 1; step < world.stepCount; step += 1) {
    if (world.zones.every((zone) => sameAt(zone, step))) continue;
    for (const start of [step - cold, step, step + cold]) if (start > 0 && start < world.stepCount) starts.add(start);
  }
  const sorted = [...starts].toSorted((a, b) => a - b);
  return sorted.map((from, index) => ({ from, to: (sorted[index + 1] ?? world.stepCount) - 1 }));
}

function sameAt(zone: ServiceWorld['zones'][number], step: number): boolean {
  return zone.nodesAt(step) === zone.nodesAt(step - 1) && zone.spotPriceAt(step) === zone.spotPriceAt(step - 1);
}

function createDraft() {
  const columns: { cost: number; upper: number; rows: number[]; values: number[] }[] = [];
  const bounds: { lower: number; upper: number }[] = [];
  return {
    column(cost: number, upper: number): number {
      // Dollars, so that the solver's tolerances fit.
      return columns.push({ cost: cost / 1e6, upper, rows: [], values: [] }) - 1;
    },
    row(indices: readonly number[], values: readonly number[], lower: number, upper: number): void {
      const row = bounds.push({ lower, upper }) - 1;
      for (const [position, index] of indices.entries()) {
        columns[index]?.rows.push(row);
        columns[index]?.values.push(values[position] ?? 0);
      }
    },
    async solve(): Promise<number | null> {
      const model = await LinearModel.open(
        columns.map((column): Column => ({ ...column, lower: 0, integer: false })),
        bounds,
      );
      try {
        const answer = model.solveRelaxed();
        return answer === null ? null : answer.objective * 1e6;
      } finally {
        model.close();
      }
    },
  };
}
