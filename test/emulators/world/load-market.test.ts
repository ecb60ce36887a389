import { describe, expect, it } from 'vitest';
import { ACCELERATORS } from '../../../src/domain/accelerators.ts';
import { loadMarket, parseMarket } from '../../../src/emulators/world/load-market.ts';
import { CLOUD_IDS, type MarketFacts } from '../../../src/emulators/world/market-facts.ts';
import { scarcityOf } from '../../../src/emulators/world/scarcity.ts';
import { smallMarket } from './small-market.ts';

function parsed(change: Partial<MarketFacts>): MarketFacts {
  return parseMarket(structuredClone({ ...smallMarket('aws'), ...change }), 'the table');
}

describe('market tables', () => {
  it.each(CLOUD_IDS)('the shipped table of %s is right', async (cloud) => {
    const facts = await loadMarket(cloud);
    expect(facts.cloud).toBe(cloud);
    expect(facts.instanceTypes.length).toBeGreaterThan(10);
  });

  it('a right table comes back as it is', () => {
    expect(parsed({})).toEqual(smallMarket('aws'));
  });

  const { instanceTypes, regions, quotas } = smallMarket('aws');
  const [small, large] = instanceTypes;
  const wrong: readonly (readonly [string, Partial<MarketFacts>, string])[] = [
    ['a price of nothing', { listPricesUsd: { north: { small: '0.00' } } }, '"0.00" is not a price above 0'],
    ['a price in words', { listPricesUsd: { north: { small: 'cheap' } } }, '"cheap" is not a price above 0'],
    ['a price in an unknown region', { listPricesUsd: { east: {} } }, 'east is not among the regions'],
    ['a price of an unknown type', { listPricesUsd: { north: { huge: '1' } } }, 'huge is not among the instance types'],
    ['an unknown zone', { zonesOffering: { north: { small: ['south-a'] } } }, 'south-a is not a zone of north'],
    ['a type twice', { instanceTypes: [...instanceTypes, ...instanceTypes] }, 'small appears twice'],
    ['a region twice', { regions: [...regions, ...regions] }, 'north appears twice'],
    ['a claim on no quota', { quotas: quotas.slice(1) }, 'claims cpus (region), which is not among the quotas'],
    ['no source', { sources: [] }, 'sources'],
  ];
  it.each(wrong)('names %s', (_, change, message) => {
    expect(() => parsed(change)).toThrow(message);
  });

  it('wants canonical accelerator names', () => {
    if (small === undefined || large === undefined) throw new Error('the small market lacks types');
    expect(() => parsed({ instanceTypes: [small, { ...large, accelerator: 'h100' }] })).toThrow(
      'write H100-80GB-SXM, not h100',
    );
    expect(() => parsed({ instanceTypes: [small, { ...large, accelerator: 'abacus' }] })).toThrow(
      'no accelerator is called abacus',
    );
  });

  it('knows how scarce every accelerator is', () => {
    const unknown = scarcityOf('none of these');
    for (const { name } of ACCELERATORS) {
      expect(scarcityOf(name), name).toBeGreaterThan(0);
      expect(scarcityOf(name), name).toBeLessThan(1);
    }
    expect(ACCELERATORS.filter(({ name }) => scarcityOf(name) === unknown).map(({ name }) => name)).toEqual([
      'RTX-PRO-6000',
    ]);
  });
});
