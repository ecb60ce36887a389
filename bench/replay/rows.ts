import type { Trace } from '../traces/trace.ts';
import type { Settings } from './windows.ts';

/** One row of the table: a trace under one setting. */
export interface Row {
  readonly trace: Trace;
  readonly settings: Settings;
}

/** One row of the standing table: the folder, the trace in it by the end of its name, and what differs from the common setting. */
export interface StandingRow {
  readonly folder: string;
  readonly trace: string;
  readonly settings: Partial<Settings>;
}

export const COMMON: Settings = {
  taskHours: 48,
  deadlineFactor: 1.083,
  overheadMinutes: 12,
  gangSize: 1,
  windowEveryHours: 24,
  onDemandPrice: 3_060_000,
  spotPrice: 973_100,
  usesTracePrices: false,
  egress: 0,
};

export const STANDING_ROWS: readonly StandingRow[] = [
  { folder: 'aws-v100-9az-2023', trace: 'aws-v100-9az-2023', settings: {} },
  { folder: 'aws-v100-9az-2023', trace: 'aws-v100-9az-2023', settings: { deadlineFactor: 1.25 } },
  { folder: 'aws-v100-9az-2023', trace: 'aws-v100-9az-2023', settings: { usesTracePrices: true } },
  { folder: 'aws-2az-2022', trace: 'aws-2az-2022/v100_1', settings: {} },
  { folder: 'aws-2az-2022', trace: 'aws-2az-2022/v100_1', settings: { deadlineFactor: 1.5 } },
  { folder: 'aws-2az-2022', trace: 'aws-2az-2022/v100_8', settings: {} },
  { folder: 'aws-v100-4node-2023', trace: 'aws-v100-4node-2023/v100_1', settings: { gangSize: 4 } },
];

/** Every trace at flat prices, and where it has prices also at those. */
export function rowsOf(
  traces: readonly Trace[],
  settings: Settings,
  deadlineFactors: readonly number[],
): readonly Row[] {
  return traces.flatMap((trace) => {
    const prices = trace.zones.every(({ spotPrices }) => spotPrices === null) ? [false] : [false, true];
    return deadlineFactors.flatMap((deadlineFactor) =>
      prices.map((usesTracePrices) => ({ trace, settings: { ...settings, deadlineFactor, usesTracePrices } })),
    );
  });
}
