import { describe, expect, it } from 'vitest';
import type { RetailItem } from '../../../src/providers/azure/prices.ts';
import { marketOf, priceListOf } from '../../../src/providers/azure/prices.ts';

const NOW = Date.UTC(2026, 10, 23);
const SIZE = 'Standard_ND96isr_H100_v5';

function item(changes: Partial<RetailItem> = {}): RetailItem {
  return {
    armSkuName: SIZE,
    skuName: 'ND96isrH100v5',
    meterName: 'ND96isrH100v5',
    productName: 'Virtual Machines NDsr H100 v5 Series',
    retailPrice: 98.32,
    unitOfMeasure: '1 Hour',
    currencyCode: 'USD',
    type: 'Consumption',
    isPrimaryMeterRegion: true,
    effectiveStartDate: '2023-08-01T00:00:00Z',
    ...changes,
  };
}

describe('marketOf', () => {
  it('takes the plain and the Spot meter of Linux', () => {
    expect(marketOf(item())).toBe('on-demand');
    expect(marketOf(item({ productName: 'NCads A100 v4 Series Linux' }))).toBe('on-demand');
    expect(marketOf(item({ skuName: 'ND96isrH100v5 Spot', meterName: 'ND96isrH100v5 Spot' }))).toBe('spot');
    expect(marketOf(item({ meterName: 'ND96isr H100 v5 Spot' }))).toBe('spot');
  });

  it.each([
    ['Windows', { productName: 'Virtual Machines NDsr H100 v5 Series Windows' }],
    ['Windows by its short name', { productName: 'Virtual Machines NCCadsv5 Srs Win' }],
    ['Windows Spot', { productName: 'NDsr H100 v5 Series Windows', meterName: 'ND96isrH100v5 Spot' }],
    ['Low Priority', { skuName: 'ND96isrH100v5 Low Priority' }],
    ['a reservation', { type: 'Reservation' }],
    ['dev/test', { type: 'DevTestConsumption' }],
    ['a dedicated host', { productName: 'NDsr H100 v5 Series Dedicated Host' }],
    ['cloud services', { productName: 'NDsr H100 v5 Series CloudServices' }],
    ['another unit', { unitOfMeasure: '1/Day' }],
    ['another currency', { currencyCode: 'EUR' }],
  ])('leaves %s alone', (_what, changes) => {
    expect(marketOf(item(changes))).toBeNull();
  });
});

describe('priceListOf', () => {
  it('finds a size however the list spells it', () => {
    for (const spelling of [
      { armSkuName: SIZE },
      { armSkuName: null },
      { armSkuName: null, skuName: SIZE },
      { armSkuName: null, skuName: 'ND96isr H100 v5' },
    ]) {
      const prices = priceListOf([item(spelling)], NOW);
      expect(prices.priceOf(SIZE, 'on-demand')).toEqual({ micro: 98_320_000, reason: '' });
      expect(prices.priceOf(SIZE, 'spot')).toBeNull();
      expect(prices.priceOf('Standard_ND96is_H100_v5', 'on-demand')).toBeNull();
    }
    const spot = priceListOf([item({ armSkuName: null, skuName: 'ND96isrH100v5 Spot' })], NOW);
    expect(spot.priceOf(SIZE, 'spot')?.micro).toBe(98_320_000);
  });

  it.each([0, -1, Number.NaN])('a price of %s is none, and says why', (retailPrice) => {
    const price = priceListOf([item({ retailPrice })], NOW).priceOf(SIZE, 'on-demand');
    expect(price?.micro).toBeNull();
    expect(price?.reason).toContain(String(retailPrice));
  });

  it('prefers the meter in force, then the later, then the primary, in any order', () => {
    const old = item({ retailPrice: 1, effectiveStartDate: '2022-01-01T00:00:00Z' });
    const current = item({ retailPrice: 2, effectiveStartDate: '2026-01-01T00:00:00Z' });
    const secondary = item({ retailPrice: 3, effectiveStartDate: '2026-01-01T00:00:00Z', isPrimaryMeterRegion: false });
    const announced = item({ retailPrice: 4, effectiveStartDate: '2027-01-01T00:00:00Z' });
    for (const items of [
      [old, current, secondary, announced],
      [announced, secondary, current, old],
      [secondary, announced, old, current],
    ]) {
      expect(priceListOf(items, NOW).priceOf(SIZE, 'on-demand')?.micro).toBe(2_000_000);
    }
  });

  it('of two meters that are alike in all else takes the dearer, in any order', () => {
    const [cheap, dear] = [item({ retailPrice: 1 }), item({ retailPrice: 3 })];
    for (const items of [
      [cheap, dear],
      [dear, cheap],
    ])
      expect(priceListOf(items, NOW).priceOf(SIZE, 'on-demand')?.micro).toBe(3_000_000);
  });
});
