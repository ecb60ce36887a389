import { type MicroUsdPerHour, parseUsd, scaleMoney } from '../../src/domain/money.ts';
import { regionOf, type Trace } from '../traces/trace.ts';

/** What a service can run on: a trace seen in short steps, and on-demand machines that are always there. */
export interface ServiceWorld {
  readonly name: string;
  /** A tick of the trace is a whole number of steps. */
  readonly stepSeconds: number;
  readonly stepCount: number;
  readonly zones: readonly WorldZone[];
  readonly onDemandPrice: MicroUsdPerHour;
}

export interface WorldZone {
  readonly name: string;
  readonly region: string;
  /** Spot machines that can be had at a step; 0 always in a zone that sells on-demand machines only. */
  nodesAt(step: number): number;
  spotPriceAt(step: number): MicroUsdPerHour;
  readonly hasSpot: boolean;
}

export interface WorldOptions {
  /** Longest step. SpotHedge's own simulation has steps of 30 s. */
  readonly stepSeconds: number;
  /** Zones in each region, besides those of the trace, that sell on-demand machines only. */
  readonly onDemandZones: number;
  /** Price of spot as a share of on-demand where the trace's own prices are not used. */
  readonly spotShare: number;
  /** Use the trace's prices where it has them. */
  readonly tracePrices: boolean;
  /** Machines that make one replica. */
  readonly gangSize: number;
}

export const ON_DEMAND_USD_PER_HOUR = '3.06';

export function worldOf(trace: Trace, options: WorldOptions): ServiceWorld {
  const stepsPerTick = Math.max(1, Math.ceil(trace.tickSeconds / options.stepSeconds));
  const onDemandPrice = parseUsd(ON_DEMAND_USD_PER_HOUR);
  const flat = scaleMoney(onDemandPrice, options.spotShare);
  // A trace of zeros and ones does not tell how many machines there were: 1 is "some", as in the paper's simulation.
  const binary = trace.zones.every(({ nodes }) => nodes.every((count) => count <= 1));
  const zones = trace.zones.map(({ name, nodes, spotPrices }): WorldZone => {
    const prices = options.tracePrices ? spotPrices : null;
    const tickOf = (step: number): number => Math.floor(step / stepsPerTick);
    return {
      name,
      region: regionOf(name),
      hasSpot: true,
      nodesAt: (step) => {
        const count = nodes[tickOf(step)] ?? 0;
        return binary && count > 0 ? Number.POSITIVE_INFINITY : Math.floor(count / options.gangSize);
      },
      spotPriceAt: (step) => prices?.[tickOf(step)] ?? flat,
    };
  });
  return {
    name: trace.name,
    stepSeconds: trace.tickSeconds / stepsPerTick,
    stepCount: trace.tickCount * stepsPerTick,
    zones: [...zones, ...furtherZones(zones, options.onDemandZones)],
    onDemandPrice,
  };
}

function furtherZones(zones: readonly WorldZone[], perRegion: number): readonly WorldZone[] {
  const regions = [...new Set(zones.map(({ region }) => region))];
  return regions.flatMap((region) =>
    Array.from({ length: perRegion }, (_, index) => ({
      name: `${region}+${index + 1}`,
      region,
      hasSpot: false,
      nodesAt: () => 0,
      spotPriceAt: () => 0,
    })),
  );
}
