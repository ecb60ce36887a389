import type { Quota } from '../../src/domain/offer.ts';
import type { PlanInput, PlanOffer, PlanWorkload } from '../../src/domain/plan.ts';
import type { Policy } from '../../src/domain/policy.ts';
import type { FileOffer, FileWorkload, FleetFile } from './fleet-file.ts';

/** Interruptions of a spot machine an hour, by provider: of the benchmark's definition. */
export const INTERRUPTIONS_PER_HOUR: Readonly<Record<string, number>> = { aws: 0.01, azure: 0.01, gcp: 0.012 };

/** A placement problem in the planner's words: areas are lists of regions, capacity is quotas in accelerators. */
export function inputOf(fleet: FleetFile, policy: Policy): PlanInput {
  const regions = regionsIn(fleet.O);
  return {
    at: 0,
    policies: [policy],
    offers: fleet.O.map(offerOf),
    workloads: fleet.W.map((workload) => workloadOf(workload, regions)),
    leases: [],
    quotas: fleet.cap.map(([provider, region, gpu, market, limit]): Quota => {
      return { provider, region, name: `${gpu} ${market}`, unit: 'accelerators', limit, usage: 0 };
    }),
    soldOut: [],
    teamBudgets: [],
  };
}

/** Finds the regions of areas; workloads of the same areas share one list. */
function regionsIn(offers: readonly FileOffer[]): (areas: readonly string[]) => readonly string[] {
  const byArea = new Map<string, Set<string>>();
  for (const { area, p, r } of offers) byArea.set(area, (byArea.get(area) ?? new Set()).add(`${p}:${r}`));
  const lists = new Map<string, readonly string[]>();
  return (areas) => {
    const key = areas.join(' ');
    const known = lists.get(key) ?? areas.flatMap((area) => [...(byArea.get(area) ?? [])].toSorted());
    lists.set(key, known);
    return known;
  };
}

function offerOf({ p, r, z, it, gpu, n, m, price }: FileOffer): PlanOffer {
  const market = m === 'od' ? 'on-demand' : 'spot';
  return {
    pool: { provider: p, region: r, zone: z, instanceType: it, market, reservation: null },
    zonePhysicalId: null,
    accelerator: gpu,
    acceleratorCount: n,
    vcpuCount: 1,
    memoryGiB: 1,
    architecture: 'x86_64',
    priceMicroUsdPerHour: Math.round(price * 1_000_000),
    availability: 'available',
    availableCount: null,
    quotaClaims: [{ quota: `${gpu} ${m}`, scope: 'region', units: n }],
    interruptionsPerHour: m === 'spot' ? (INTERRUPTIONS_PER_HOUR[p] ?? 0) : 0,
    observedAt: 0,
    successProbability: 1,
  };
}

function workloadOf(workload: FileWorkload, regionsOf: ReturnType<typeof regionsIn>): PlanWorkload {
  const nodes = workload.kind === 'gang' ? workload.k : 1;
  return {
    id: workload.id,
    spec: {
      name: workload.id,
      team: 'bench',
      replicas: workload.kind === 'svc' ? workload.k : 1,
      accelerators: workload.alts.map(([accelerator, perMachine, throughput]) => {
        return { accelerator, count: perMachine * nodes, perMachine, throughput };
      }),
      markets: workload.spot ? ['on-demand', 'spot'] : ['on-demand'],
      regions: workload.areas === null ? null : regionsOf(workload.areas),
      providers: null,
      maxPriceMicroUsdPerHour: null,
      keepShare: null,
      data: { home: workload.home, gbPerHour: workload.gbh },
      isProtected: false,
      architecture: 'x86_64',
      priority: 0,
      container: null,
      userData: null,
    },
  };
}
