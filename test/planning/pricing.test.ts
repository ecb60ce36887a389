import { describe, expect, it } from 'vitest';
import { adjustedPrice, machineCost } from '../../src/planning/pricing.ts';
import { rulesOf, surviveLimit } from '../../src/planning/rules.ts';
import { shapeOf } from '../../src/planning/shape.ts';
import { policyWith, poolAt } from './market-builders.ts';

const SURE = { successProbability: 1, interruptionsPerHour: 0 };

describe('ranked cost', () => {
  it('is price × machines ÷ throughput ÷ chance × interruptions of all machines', () => {
    expect(machineCost(1000, 1, 1, SURE)).toBe(1000);
    expect(machineCost(1000, 2, 0.5, SURE)).toBe(4000);
    expect(machineCost(1000, 1, 1, { ...SURE, successProbability: 0.5 })).toBe(2000);
    expect(machineCost(1000, 1, 1, { ...SURE, interruptionsPerHour: 0.4 })).toBeCloseTo(1100, 9);
    expect(machineCost(1000, 4, 1, { ...SURE, interruptionsPerHour: 0.4 })).toBeCloseTo(5600, 9);
  });

  it('stays finite where nothing ever succeeded', () => {
    expect(machineCost(1000, 1, 1, { ...SURE, successProbability: 0 })).toBe(1_000_000);
  });
});

describe('an adjusted price', () => {
  it('is a whole number of micro-dollars and never nothing', () => {
    const adjust = (factor: number, price: number): number =>
      adjustedPrice([{ priceAdjustments: [{ match: 'aws:*', factor, reason: '' }] }], poolAt('aws/r/a/p5/spot'), price);
    expect(adjust(0.72, 55_040_000)).toBe(39_628_800);
    expect(adjust(1 / 3, 100)).toBe(33);
    expect(adjust(0.0001, 100)).toBe(1);
    expect(adjustedPrice([{ priceAdjustments: [] }], poolAt('gcp/r/a/a3/spot'), 7)).toBe(7);
  });

  it('of a market holds in that market only, so that paid capacity counts as nearly free and the rest in full', () => {
    const priceAdjustments = [
      { match: 'aws:*:p5*', market: 'reserved', factor: 0.000001, reason: 'paid for' },
      { match: 'aws:*:p5*', market: null, factor: 0.8, reason: 'agreement' },
    ] as const;
    const adjust = (market: string) =>
      adjustedPrice([{ priceAdjustments }], poolAt(`aws/r/a/p5.48xlarge/${market}`), 55_040_000);
    expect(adjust('reserved')).toBe(55);
    expect(adjust('on-demand')).toBe(44_032_000);
    expect(adjustedPrice([{ priceAdjustments }], poolAt('aws/r/a/p5.48xlarge/reserved'), 100), 'never nothing').toBe(1);
  });
});

describe('survive', () => {
  const limit = (keepShare: number, replicas: number): number | null =>
    surviveLimit(rulesOf(policyWith({ survive: [{ loss: 'provider', keepShare }] })), 'provider', replicas, null);

  it('is floor((1 − keepShare) × replicas), binary fractions notwithstanding', () => {
    expect(limit(0.9, 10)).toBe(1);
    expect(limit(0.5, 4)).toBe(2);
    expect(limit(0.5, 5)).toBe(2);
    expect(limit(0.8, 3)).toBe(0);
    for (let replicas = 2; replicas <= 100; replicas += 1) {
      for (let percent = 1; percent <= 100; percent += 1) {
        expect(limit(percent / 100, replicas)).toBe(Math.floor(((100 - percent) * replicas) / 100));
      }
    }
  });

  it('is no rule for one replica or a share of 0', () => {
    expect(limit(0.5, 1)).toBeNull();
    expect(limit(0, 4)).toBeNull();
  });
});

describe('a shape', () => {
  const shape = (count: number, available: number, perMachine: number | null = null) =>
    shapeOf({ count, perMachine, throughput: 1 }, available);

  it('is a gang, one machine, a shared machine, or none', () => {
    expect(shape(16, 8)).toEqual({ machinesPerReplica: 2, replicasPerMachine: 1 });
    expect(shape(8, 8)).toEqual({ machinesPerReplica: 1, replicasPerMachine: 1 });
    expect(shape(3, 8)).toEqual({ machinesPerReplica: 1, replicasPerMachine: 2 });
    expect(shape(12, 8)).toBeNull();
    expect(shape(8, 8, 4)).toBeNull();
    expect(shape(8, 4, 4)).toEqual({ machinesPerReplica: 2, replicasPerMachine: 1 });
  });
});
