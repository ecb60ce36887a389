import { describe, expect, it } from 'vitest';
import { withoutTaken } from '../../src/broker/reserved.ts';
import type { LeaseState } from '../../src/domain/lease.ts';
import { anOffer } from '../support/samples.ts';

const pool = { ...anOffer().pool, market: 'reserved' as const, reservation: 'cr-1' };
const offer = anOffer({ pool, availableCount: 3, observedAt: 1000 });

function freeAfter(leases: readonly [LeaseState, number, string?][]): number | null | undefined {
  const rows = leases.map(([state, createdAt, reservation = 'cr-1']) => ({
    ...{ state, createdAt },
    pool: { ...pool, reservation },
  }));
  return withoutTaken([offer], rows)[0]?.availableCount;
}

describe('free machines of a reservation', () => {
  it('are fewer by what was launched since they were counted, and by what is still on its way', () => {
    expect(freeAfter([])).toBe(3);
    expect(freeAfter([['ready', 999]])).toBe(3);
    expect(freeAfter([['ready', 1000]])).toBe(2);
    expect(freeAfter([['launching', 999]])).toBe(2);
    expect(freeAfter([['terminating', 1001]])).toBe(2);
  });

  it('are not touched by another reservation, and never fewer than none', () => {
    expect(freeAfter([['planned', 1000, 'cr-2']])).toBe(3);
    expect(freeAfter(Array.from({ length: 5 }, () => ['planned', 1000]))).toBe(0);
  });

  it('stay unknown where the cloud does not count them', () => {
    const unknown = anOffer();
    expect(withoutTaken([unknown], [{ pool: unknown.pool, state: 'planned', createdAt: 1 }])).toEqual([unknown]);
  });
});
