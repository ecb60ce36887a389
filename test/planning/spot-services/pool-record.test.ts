import { describe, expect, it } from 'vitest';
import { poolKey } from '../../../src/domain/pool.ts';
import { livesAhead } from '../../../src/planning/spot-services/loss-rates.ts';
import {
  blockedUntil,
  isBlocked,
  isStrained,
  observePool,
  type PoolObservation,
  type PoolRecord,
} from '../../../src/planning/spot-services/pool-record.ts';
import { placeAt, poolAt } from './service-world.ts';

const HOUR = 3_600_000;
const POOL = poolAt('x', 'aa', 'spot');

function looks(...seen: readonly Partial<PoolObservation>[]): PoolRecord {
  let record: PoolRecord | null = null;
  for (const one of seen) {
    record = observePool(record, { at: 0, runningCount: 0, lostCount: 0, acceptedCount: 0, refusedCount: 0, ...one });
  }
  if (record === null) throw new Error('nothing was seen');
  return record;
}

function firstRate(record: PoolRecord, nowAt: number): number {
  const state = { nowAt, places: [placeAt(POOL, 1)], replicas: [], records: new Map([[poolKey(POOL), record]]) };
  return livesAhead(state)(POOL)[0]?.lossesPerHour ?? NaN;
}

describe('observePool', () => {
  it('divides the hours up among the bins of age, and counts a loss at the age of the run', () => {
    const record = looks(
      { at: 0, runningCount: 1, acceptedCount: 1 },
      { at: HOUR / 2, runningCount: 1 },
      { at: 3 * HOUR, runningCount: 0, lostCount: 1 },
    );
    // 15 min, 15 min, 30 min, 1 h, 1 h; what was seen earlier has faded by a little.
    const told = [0.25, 0.25, 0.5, 1, 1, 0, 0, 0, 0];
    for (const [bin, hours] of told.entries()) expect(record.upHours[bin]).toBeCloseTo(hours, 1);
    expect(record.losses.map(Math.round)).toEqual([0, 0, 1, 0, 0, 0, 0, 0, 0]);
    expect(record).toMatchObject({ upSince: null, downSince: 3 * HOUR });
  });

  it('is the same for one look and for many when nothing happened between', () => {
    const ends = { at: 2 * HOUR, runningCount: 1 };
    const start = { at: 0, runningCount: 1, acceptedCount: 1 };
    const often = Array.from({ length: 119 }, (_, minute) => ({ at: (minute + 1) * 60_000, runningCount: 1 }));
    for (const [bin, hours] of looks(start, ...often, ends).upHours.entries()) {
      expect(hours).toBeCloseTo(looks(start, ends).upHours[bin] ?? NaN, 1);
    }
  });

  it('is strained while it has replicas but lately took some, until a launch is accepted again', () => {
    const start = { at: 0, runningCount: 2, acceptedCount: 2 };
    const taken = { at: HOUR, runningCount: 1, lostCount: 1 };
    expect(isStrained(looks(start, taken, { at: HOUR + 60_000, runningCount: 1 }), HOUR + 60_000)).toBe(true);
    expect(isStrained(looks(start, taken, { at: 2 * HOUR, runningCount: 2, acceptedCount: 1 }), 2 * HOUR)).toBe(false);
    expect(isStrained(looks(start, { at: HOUR, runningCount: 0, lostCount: 2 }), HOUR)).toBe(false);
  });

  it('is left alone for a minute after a refusal, and for longer the longer it refuses, at most a quarter of an hour', () => {
    expect(blockedUntil(looks({ at: 0, refusedCount: 1 }))).toBe(60_000);
    expect(blockedUntil(looks({ at: 0, refusedCount: 1 }, { at: HOUR, refusedCount: 1 }))).toBe(HOUR + HOUR / 10);
    expect(blockedUntil(looks({ at: 0, refusedCount: 1 }, { at: 9 * HOUR, refusedCount: 1 }))).toBe(9 * HOUR + 900_000);
    const accepted = looks({ at: 0, refusedCount: 1 }, { at: HOUR, runningCount: 1, acceptedCount: 1 });
    expect(isBlocked(accepted, HOUR)).toBe(false);
  });
});

describe('livesAhead', () => {
  it('trusts old runs more than young ones', () => {
    const record = looks({ at: 0, runningCount: 1, acceptedCount: 1 });
    const rates = [0, HOUR, 5 * HOUR, 30 * HOUR].map((age) => firstRate(record, age));
    expect(rates).toEqual(rates.toSorted((a, b) => b - a));
    expect((rates[0] ?? 0) / (rates[3] ?? 1)).toBeGreaterThan(10);
  });

  it('learns: a pool that lost its replicas ten times within minutes is expected to do so again', () => {
    let record: PoolRecord | null = null;
    for (let run = 0; run < 10; run += 1) {
      const at = run * HOUR;
      record = observePool(record, { at, runningCount: 1, lostCount: 0, acceptedCount: 1, refusedCount: 0 });
      record = observePool(record, {
        at: at + 300_000,
        runningCount: 0,
        lostCount: 1,
        acceptedCount: 0,
        refusedCount: 0,
      });
    }
    const fresh = looks({ at: 0, runningCount: 1, acceptedCount: 1 });
    expect(record === null ? 0 : firstRate(record, 10 * HOUR)).toBeGreaterThan(2 * firstRate(fresh, 0));
  });
});
