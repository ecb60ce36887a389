import type { FileOffer, FileWorkload, FleetFile } from './fleet-file.ts';
import { INTERRUPTIONS_PER_HOUR } from './fleet-input.ts';

/** What the benchmark says a unit costs: hours an interruption loses, dollars a gigabyte of egress. */
const RESTART_HOURS = 0.25;
const EGRESS_USD = 0.08;

/**
 * The baseline, written without the planner: one workload after another, those with the largest units first, each unit on the cheapest
 * offer that still has room. That is what an optimiser of one task at a time does. Dollars an hour.
 */
export function cheapestFirst(fleet: FleetFile): number {
  const left = new Map(fleet.cap.map(([p, r, gpu, m, gpus]) => [`${p} ${r} ${gpu} ${m}`, gpus]));
  const byShape = Map.groupBy(fleet.O, ({ gpu, n }) => `${gpu} ${n}`);
  const ranked = new Map<string, readonly Priced[]>();
  let sum = 0;
  for (const workload of fleet.W.toSorted((a, b) => unitGpus(b) - unitGpus(a))) {
    const { id: _, ...kind } = workload;
    const key = JSON.stringify(kind);
    const options = ranked.get(key) ?? pricedOf(workload, byShape);
    ranked.set(key, options);
    for (let unit = 0; unit < (workload.kind === 'svc' ? workload.k : 1); unit += 1) {
      const taken = options.find(({ cell, gpus }) => (left.get(cell) ?? 0) >= gpus);
      if (taken === undefined) throw new Error(`${workload.id} of ${fleet.name} finds no room`);
      left.set(taken.cell, (left.get(taken.cell) ?? 0) - taken.gpus);
      sum += taken.cost;
    }
  }
  return sum;
}

/** GPUs of a gang, or of one replica of a service, in the first alternative. */
function unitGpus({ alts: [first], kind, k }: FileWorkload): number {
  return (first?.[1] ?? 0) * (kind === 'gang' ? k : 1);
}

interface Priced {
  readonly cell: string;
  readonly gpus: number;
  readonly cost: number;
}

function pricedOf(workload: FileWorkload, byShape: ReadonlyMap<string, readonly FileOffer[]>): readonly Priced[] {
  const nodes = workload.kind === 'gang' ? workload.k : 1;
  return workload.alts
    .flatMap(([gpu, perNode, throughput]) =>
      (byShape.get(`${gpu} ${perNode}`) ?? [])
        .filter(({ m, area }) => (m === 'od' || workload.spot) && (workload.areas?.includes(area) ?? true))
        .map((offer): Priced => {
          const { p, r, m, n } = offer;
          const interruption = m === 'spot' ? 1 + (INTERRUPTIONS_PER_HOUR[p] ?? 0) * nodes * RESTART_HOURS : 1;
          const egress = p === workload.home ? 0 : workload.gbh * EGRESS_USD * nodes;
          const cost = ((offer.price * nodes) / throughput) * interruption + egress;
          return { cell: `${p} ${r} ${gpu} ${m}`, gpus: n * nodes, cost };
        }),
    )
    .toSorted((a, b) => a.cost - b.cost);
}
