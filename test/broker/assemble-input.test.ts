import { describe, expect, it } from 'vitest';
import { quotasWithInFlight } from '../../src/broker/assemble-input.ts';
import type { LeaseState } from '../../src/domain/lease.ts';
import type { Quota } from '../../src/domain/offer.ts';
import { anOffer } from '../support/samples.ts';

const offer = anOffer({
  quotaClaims: [
    { quota: 'family', scope: 'region', units: 8 },
    { quota: 'all', scope: 'global', units: 1 },
  ],
});
const regional: Quota = { provider: 'one', region: 'r1', name: 'family', unit: 'vcpus', limit: 100, usage: 10 };
const global: Quota = { provider: 'one', region: null, name: 'all', unit: 'accelerators', limit: null, usage: null };
const quotas = [
  { ...regional, observedAt: 1000 },
  { ...global, observedAt: 1000 },
];

function usageWith(holders: readonly [LeaseState, number][]): (number | null)[] {
  const leases = holders.map(([state, createdAt]) => ({ pool: offer.pool, state, createdAt }));
  return quotasWithInFlight(quotas, leases, [offer]).map(({ usage }) => usage);
}

describe('quotas with what is in flight', () => {
  it('adds launches that the cloud has not accepted yet, however old the lease is', () => {
    expect(usageWith([['planned', 0]])).toEqual([18, null]);
    expect(
      usageWith([
        ['launching', 0],
        ['planned', 2000],
      ]),
    ).toEqual([26, null]);
  });

  it.each(['starting', 'ready', 'draining', 'terminating'] as const)(
    'adds accepted machines only if the figure is older than they are, %s ones too',
    (state) => {
      expect(usageWith([[state, 2000]])).toEqual([18, null]);
      expect(usageWith([[state, 500]])).toEqual([10, null]);
    },
  );

  it('never counts machines that ended', () => {
    expect(
      usageWith([
        ['gone', 2000],
        ['failed', 2000],
        ['lost', 2000],
      ]),
    ).toEqual([10, null]);
  });

  it('keeps unknown unknown', () => {
    expect(usageWith([['planned', 0]])[1]).toBeNull();
  });

  it('leaves another region’s quota alone', () => {
    const elsewhere = anOffer({ pool: { ...offer.pool, region: 'r2' }, quotaClaims: offer.quotaClaims });
    const holders = [{ pool: elsewhere.pool, state: 'planned' as const, createdAt: 0 }];
    expect(quotasWithInFlight(quotas, holders, [offer, elsewhere])[0]?.usage).toBe(10);
  });
});
