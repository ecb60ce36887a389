import { describe, expect, it } from 'vitest';
import { addExposure, bucketOf, drawnHazard } from '../../src/planning/ages.ts';

const LOWER_ENDS = [0, 1, 4];

describe('buckets of age', () => {
  it('begin at their lower ends', () => {
    expect([0, 0.99, 1, 3.99, 4, 1000].map((age) => bucketOf(LOWER_ENDS, age))).toEqual([0, 0, 1, 1, 2, 2]);
  });

  it('share the time from one age to another between them', () => {
    const exposure = [10, 0, 0];
    addExposure(LOWER_ENDS, exposure, 0.5, 6);
    expect(exposure).toEqual([10.5, 3, 2]);
  });

  it('take nothing of no time', () => {
    const exposure = [0, 0, 0];
    addExposure(LOWER_ENDS, exposure, 2, 2);
    expect(exposure).toEqual([0, 0, 0]);
  });
});

describe('a hazard', () => {
  it('is the expected one where nothing was seen, and what was counted where much was', () => {
    expect(drawnHazard(0, 0, 0.25, 2)).toBeCloseTo(0.25, 12);
    expect(drawnHazard(5e6, 1e7, 0.25, 2)).toBeCloseTo(0.5, 5);
  });

  it('weighs the expected as so many events', () => {
    // 4 events in the 2 that were seen, and 2 in the 4 in which they are expected.
    expect(drawnHazard(4, 2, 0.5, 2)).toBe(1);
  });
});
