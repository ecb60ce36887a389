import { median } from '../support/figures.ts';
import { cheapestFirst } from './cheapest-first.ts';
import type { FleetFile } from './fleet-file.ts';
import { grown, readFleetFile } from './fleet-file.ts';
import type { IncrementalFigures } from './incremental.ts';
import { measureIncremental } from './incremental.ts';
import { STEPS, type Step, timedPlan } from './measure.ts';
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
  /** The first answer with its bound. */
  readonly firstAnswerMs: number;
  readonly firstAnswerGapShare: number;
  /** The first good answer, as a plan. */
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
  const read = await readerOf(options);
  const { name, workloads, ...baseline } = await measureBaseline(read);
  const rows: RowFigures[] = [];
  for (const row of options.fullRowOnly ? [FULL_ROW] : ROWS) {
    if (row !== undefined) rows.push(await measureRow(read, row, workloads, options.runs));
  }
  const incremental =
    FULL_ROW === undefined || workloads > 5000 ? null : await measureIncremental(await read(), FULL_ROW, 200);
  const peakMegabytes = process.resourceUsage().maxRSS / 1024;
  return { fleet: name, workloads, ...baseline, rows, incremental, peakMegabytes };
}

/** Growing is no part of a plan: what is timed parses the grown fleet's own text. */
async function readerOf({ file, workloads }: FleetOptions): Promise<() => Promise<FleetFile>> {
  if (workloads === null) return () => readFleetFile(file);
  const text = JSON.stringify(grown(await readFleetFile(file), workloads));
  return async () => JSON.parse(text);
}

async function measureBaseline(read: () => Promise<FleetFile>) {
  const fleet = await read();
  const startedAt = performance.now();
  const cheapestFirstUsdPerHour = cheapestFirst(fleet);
  const cheapestFirstMs = performance.now() - startedAt;
  return { name: fleet.name, workloads: fleet.W.length, cheapestFirstUsdPerHour, cheapestFirstMs };
}

async function measureRow(
  read: Parameters<typeof timedPlan>[0],
  row: Row,
  workloads: number,
  runs: number,
): Promise<RowFigures> {
  // Of each run only the figures are kept, so that peak memory is one plan's.
  const first = await timed(read, row, 'full');
  const full = [];
  const quick = [];
  for (let run = 0; run < runs; run += 1) {
    full.push(await timed(read, row, 'full'));
    quick.push(await timed(read, row, 'quick'));
  }
  return {
    row: row.name,
    exactUsdPerHour: row.exact[workloads] ?? null,
    usdPerHour: first.usdPerHour,
    boundUsdPerHour: first.boundUsdPerHour,
    gapShare: first.gapShare,
    status: first.status,
    heldCount: first.heldCount,
    ms: median(full.map(({ ms }) => ms)),
    firstMs: first.ms,
    steps: stepMedians(full.map(({ steps }) => steps)),
    firstAnswerMs: median(quick.map(({ first: answer }) => answer.ms)),
    firstAnswerGapShare: Math.max(...quick.map(({ first: answer }) => answer.gapShare)),
    quickMs: median(quick.map(({ ms, steps }) => ms - steps.explain)),
    quickGapShare: Math.max(...quick.map(({ gapShare }) => gapShare)),
  };
}

async function timed(...asked: Parameters<typeof timedPlan>) {
  const { plan, ...times } = await timedPlan(...asked);
  return {
    ...times,
    usdPerHour: plan.effectiveCostMicroUsdPerHour / 1_000_000,
    boundUsdPerHour: plan.effectiveBoundMicroUsdPerHour / 1_000_000,
    gapShare: plan.gapShare,
    status: plan.status,
    heldCount: plan.held.length,
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
