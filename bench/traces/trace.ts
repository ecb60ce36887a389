import type { MicroUsdPerHour } from '../../src/domain/money.ts';

/** Where and when spot machines of one shape could be had, as recorded tick by tick. */
export interface Trace {
  /** Folder and shape: `aws-2az-2022/v100_8`. */
  readonly name: string;
  readonly tickSeconds: number;
  /** Ticks that every zone has. */
  readonly tickCount: number;
  readonly zones: readonly TraceZone[];
}

export interface TraceZone {
  /** The cloud's own zone name: `us-west-2a`, `us-central1-a`. */
  readonly name: string;
  /** Spot machines that could be had at each tick; 1 may stand for "some". */
  readonly nodes: Uint16Array;
  /** Spot price of one machine at each tick; null where the trace has none. */
  readonly spotPrices: readonly MicroUsdPerHour[] | null;
}

/** 1 at each tick at which `gangSize` machines could be had together, else 0. */
export function availability(zone: TraceZone, gangSize: number): Uint8Array {
  return Uint8Array.from(zone.nodes, (nodes) => (nodes >= gangSize ? 1 : 0));
}

/** The most machines that any zone of the trace ever had: larger gangs never run on spot. */
export function mostNodes(trace: Trace): number {
  return trace.zones.reduce((most, zone) => zone.nodes.reduce((a, b) => Math.max(a, b), most), 0);
}

/** `us-west-2a` → `us-west-2`, `us-central1-a` → `us-central1`: the zone's name less its last letter. A name that ends otherwise is its own region. */
export function regionOf(zone: string): string {
  return zone.replace(/(?<=\d)-?[a-z]$/, '');
}
