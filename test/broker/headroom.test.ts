import { describe, expect, it } from 'vitest';
import { headroomMachines, type LaunchingLease, refusalFor } from '../../src/broker/headroom.ts';
import type { QuotaRow } from '../../src/store/quotas.ts';
import { anOffer } from '../support/samples.ts';

const offer = anOffer({
  quotaClaims: [
    { quota: 'family', scope: 'region', units: 8 },
    { quota: 'all', scope: 'global', units: 1 },
  ],
});
const AT = 10_000_000;

function quota(change: Partial<QuotaRow> = {}): QuotaRow {
  const base = { provider: 'one', region: 'r1', name: 'family', unit: 'vcpus', limit: 20, usage: 4 } as const;
  return { ...base, observedAt: AT, ...change };
}

function lease(id: string, state: LaunchingLease['state'] = 'planned', createdAt = AT + 1): LaunchingLease {
  return { id, state, createdAt, pool: offer.pool };
}

function refusal(leases: readonly LaunchingLease[], quotas: readonly QuotaRow[], at = AT) {
  const [own] = leases;
  if (own === undefined) throw new Error('no lease');
  return refusalFor(own, leases, [offer], quotas, at);
}

describe('headroom in machines', () => {
  const left = (family: number | null, all: number | null) =>
    headroomMachines(
      offer,
      new Map([
        ['one/r1/family', family],
        ['one/*/all', all],
      ]),
    );

  it('is what the tightest quota leaves, in whole machines', () => {
    expect(left(31, 9)).toBe(3);
    expect(left(80, 2)).toBe(2);
    expect(left(7, 9)).toBe(0);
  });

  it('is unknown where a quota is unknown, unless a known one is used up', () => {
    expect(left(31, null)).toBeNull();
    expect(left(null, null)).toBeNull();
    expect(headroomMachines(offer, new Map()), 'never read').toBeNull();
    expect(left(7, null)).toBe(0);
  });
});

describe('a launch', () => {
  it('goes on where the quota leaves room for one machine', () => {
    expect(refusal([lease('a')], [quota()])).toBeNull();
    expect(refusal([lease('a')], [quota({ usage: 12 })])).toBeNull();
  });

  it('is refused locally, with the figures and the quota’s own scope, where the cloud’s figure leaves no room', () => {
    const refused = refusal([lease('a')], [quota({ usage: 13 })]);
    expect(refused).toMatchObject({
      kind: 'quota',
      scope: { provider: 'one', region: 'r1', zone: null, instanceType: null, market: null, quota: 'family' },
    });
    expect(refused?.message).toMatch(/7 vcpus left \(limit 20, usage 13\), the machine takes 8/);
    const global = quota({ region: null, name: 'all', unit: 'accelerators', limit: 0, usage: 0 });
    expect(refusal([lease('a')], [quota(), global])?.scope).toMatchObject({ region: null, quota: 'all' });
  });

  it('counts what is in flight ahead of it, and of those that wait lets the oldest go first', () => {
    expect(refusal([lease('b'), lease('a'), lease('c')], [quota()])).toBeNull();
    expect(refusal([lease('c'), lease('a'), lease('b')], [quota()])?.kind).toBe('quota');
    expect(refusal([lease('a'), lease('x', 'launching'), lease('y', 'starting')], [quota()])?.kind).toBe('quota');
    expect(refusal([lease('a'), lease('x', 'ready'), lease('y', 'ready')], [quota()])?.kind).toBe('quota');
    const inTheFigure = [lease('x', 'ready', AT - 1), lease('y', 'ready', AT - 1)];
    expect(refusal([lease('a'), ...inTheFigure], [quota()])).toBeNull();
  });

  it('is refused neither by what is unknown nor by an old figure', () => {
    expect(refusal([lease('a')], [])).toBeNull();
    expect(refusal([lease('a')], [quota({ usage: null })])).toBeNull();
    expect(refusal([lease('a')], [quota({ limit: null })])).toBeNull();
    expect(refusal([lease('a')], [quota({ usage: 20 })], AT + 3_600_001)).toBeNull();
  });
});
