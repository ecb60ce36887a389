import { cheapestFirst } from './cheapest-first.ts';
import { grown, readFleetFile } from './fleet-file.ts';
import type { IncrementalFigures } from './incremental.ts';
import { measureIncremental } from './incremental.ts';
import { median, STEPS, type Step, timedPlan } from './measure.ts';
import { FULL_ROW, ROWS, type Row } from './rows.ts';

/** What one process measures: one fleet, so that its peak memory is its own. */
export interface FleetOptions {
  readonly file: string;
  /** Workloads to grow the file's fleet to; null = as it is. */
  readonly workloads: number | null;
  readonly runs: number;
  /** Only the row that has all kinds of rules. */
  readonly fullRowOnly: boolean;
}

export interface RowFigures {
  readonly row: string;
  readonly exactUsdPerHour: number | null;
  readonly usdPerHour: number;
  readonly boundUsdPerHour: number;
  readonly gapShare: number;
  readonly status: string;
  readonly heldCount: number;
  /** Of the runs after the first, which compiles and loads: median milliseconds. */
  readonly ms: number;
  readonly firstMs: number;
  readonly steps: Readonly<Record<Step, number>>;
  /** The first good answer with its bound. */
  readonly quickMs: number;
  readonly quickGapShare: number;
}

export interface FleetFigures {
  readonly fleet: string;
  readonly workloads: number;
  readonly cheapestFirstUsdPerHour: number;
  readonly cheapestFirstMs: number;
  readonly rows: readonly RowFigures[];
  /** Of fleets of up to 5,000 workloads. */
  readonly incremental: IncrementalFigures | null;
  readonly peakMegabytes: number;
}

export async function measureFleet(options: FleetOptions): Promise<FleetFigures> {
  const read = async () => {
    const file = await readFleetFile(options.file);
    return options.workloads === null ? file : grown(file, options.workloads);
  };
  const fleet = await read();
  // Growing is no part of a plan: what is timed parses the grown fleet's own text.
  const text = JSON.stringify(fleet);
  const parsed = options.workloads === null ? read : async () => JSON.parse(text);
  const startedAt = performance.now();
  const baseline = cheapestFirst(fleet);
  const cheapestFirstMs = performance.now() - startedAt;
  const rows: RowFigures[] = [];
  for (const row of options.fullRowOnly ? [FULL_ROW] : ROWS) {
    if (row !== undefined) rows.push(await measureRow(parsed, row, fleet.W.length, options.runs));
  }
  const incremental =
    FULL_ROW === undefined || fleet.W.length > 5000 ? null : await measureIncremental(fleet, FULL_ROW, 200);
  return {
    fleet: fleet.name,
    workloads: fleet.W.length,
    cheapestFirstUsdPerHour: baseline,
    cheapestFirstMs,
    rows,
    incremental,
    peakMegabytes: process.resourceUsage().maxRSS / 1024,
  };
}

async function measureRow(
  read: Parameters<typeof timedPlan>[0],
  row: Row,
  workloads: number,
  runs: number,
): Promise<RowFigures> {
  const first = await timedPlan(read, row, 'full');
  const timed = [];
  const quick = [];
  for (let run = 0; run < runs; run += 1) {
    timed.push(await timedPlan(read, row, 'full'));
    quick.push(await timedPlan(read, row, 'quick'));
  }
  const { plan } = first;
  const dollars = (micro: number): number => micro / 1_000_000;
  return {
    row: row.name,
    exactUsdPerHour: row.exact[workloads] ?? null,
    usdPerHour: dollars(plan.effectiveCostMicroUsdPerHour),
    boundUsdPerHour: dollars(plan.effectiveBoundMicroUsdPerHour),
    gapShare: plan.gapShare,
    status: plan.status,
    heldCount: plan.held.length,
    ms: median(timed.map(({ ms }) => ms)),
    firstMs: first.ms,
    steps: stepMedians(timed.map(({ steps }) => steps)),
    quickMs: median(quick.map(({ ms, steps }) => ms - steps.explain)),
    quickGapShare: Math.max(...quick.map(({ plan: answer }) => answer.gapShare)),
  };
}

function stepMedians(steps: readonly Readonly<Record<Step, number>>[]): Readonly<Record<Step, number>> {
  const medians: Record<Step, number> = { parse: 0, prune: 0, model: 0, LP: 0, MIP: 0, polish: 0, tell: 0, explain: 0 };
  for (const step of STEPS) medians[step] = median(steps.map((each) => each[step]));
  return medians;
}

if (import.meta.main) {
  const chunks: Buffer[] = [];
  for await (const chunk of process.stdin) chunks.push(chunk);
  const options: FleetOptions = JSON.parse(Buffer.concat(chunks).toString('utf8'));
  process.stdout.write(JSON.stringify(await measureFleet(options)));
}
