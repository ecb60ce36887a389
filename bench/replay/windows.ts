import type { MicroUsd, MicroUsdPerHour } from '../../src/domain/money.ts';
import { availability, regionOf, type Trace } from '../traces/trace.ts';
import type { Job, Scene, SceneZone } from './scene.ts';

export interface Settings {
  readonly taskHours: number;
  /** D / P: the deadline in lengths of the task. */
  readonly deadlineFactor: number;
  readonly overheadMinutes: number;
  readonly gangSize: number;
  readonly windowEveryHours: number;
  readonly onDemandPrice: MicroUsdPerHour;
  /** Where the trace has no prices, or they are not wanted. */
  readonly spotPrice: MicroUsdPerHour;
  readonly usesTracePrices: boolean;
  /** Paid at each start on spot in another region. */
  readonly egress: MicroUsd;
}

export function jobOf({ taskHours, overheadMinutes, egress }: Settings): Job {
  return { taskSeconds: taskHours * 3600, overheadSeconds: overheadMinutes * 60, egress };
}

/** The windows of a trace: one every `windowEveryHours`, as long as the deadline, none cut short. */
export function windowsOf(trace: Trace, settings: Settings): readonly Scene[] {
  const ticks = Math.floor((settings.taskHours * settings.deadlineFactor * 3600) / trace.tickSeconds + 1e-9);
  const step = Math.max(1, Math.round((settings.windowEveryHours * 3600) / trace.tickSeconds));
  const whole = trace.zones.map((zone): Pick<SceneZone, 'name' | 'region' | 'available' | 'prices'> => {
    const prices = settings.usesTracePrices ? zone.spotPrices : null;
    return {
      name: zone.name,
      region: regionOf(zone.name),
      available: availability(zone, settings.gangSize),
      prices: Float64Array.from(zone.nodes, (_, tick) => (prices?.[tick] ?? settings.spotPrice) * settings.gangSize),
    };
  });
  const scenes: Scene[] = [];
  for (let from = 0; from + ticks <= trace.tickCount; from += step) {
    const zones = whole.map(({ name, region, available, prices }): SceneZone => {
      return {
        ...{ name, region },
        available: available.subarray(from, from + ticks),
        prices: prices.subarray(from, from + ticks),
        past: { available: available.subarray(0, from), prices: prices.subarray(0, from) },
      };
    });
    scenes.push({
      ...{ tickSeconds: trace.tickSeconds, ticks, zones },
      onDemandPrice: settings.onDemandPrice * settings.gangSize,
    });
  }
  return scenes;
}

/** The same window, for somebody who did not watch the market before it. */
export function withoutPast(scene: Scene): Scene {
  const past = { available: new Uint8Array(), prices: new Float64Array() };
  return { ...scene, zones: scene.zones.map((zone) => ({ ...zone, past })) };
}

/** The same window as one that knows a single zone. */
export function only(scene: Scene, zone: SceneZone): Scene {
  return { ...scene, zones: [zone] };
}
