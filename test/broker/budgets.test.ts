import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { affordableRate, monthEndSpend, monthOf, spentInMonth } from '../../src/broker/budgets.ts';
import type { TeamUse } from '../../src/store/team-use.ts';

const HOUR = 3_600_000;
const USD = 1_000_000;
/** Ten days before the end of November: 240 hours. */
const AT = Date.parse('2026-11-21T00:00:00Z');
const START = Date.parse('2026-11-01T00:00:00Z');

function use(changes: Partial<TeamUse> = {}): TeamUse {
  return {
    team: 'research',
    adjustedPriceMicroUsdPerHour: 2 * USD,
    launchedAt: AT - 10 * HOUR,
    goneAt: null,
    wanted: true,
    ...changes,
  };
}

describe('monthOf', () => {
  it.each([
    ['2026-11-01T00:00:00.000Z', '2026-11-01T00:00:00.000Z', '2026-12-01T00:00:00.000Z'],
    ['2026-12-31T23:59:59.999Z', '2026-12-01T00:00:00.000Z', '2027-01-01T00:00:00.000Z'],
    ['2028-02-29T12:00:00.000Z', '2028-02-01T00:00:00.000Z', '2028-03-01T00:00:00.000Z'],
  ])('of %s is the calendar month in UTC', (at, from, to) => {
    expect(monthOf(Date.parse(at))).toEqual({ from: Date.parse(from), to: Date.parse(to) });
  });
});

describe('spentInMonth', () => {
  it.each<[string, Partial<TeamUse>, number]>([
    ['what runs since this month, until now', {}, 20 * USD],
    ['what ended, until it was gone', { goneAt: AT - 4 * HOUR, wanted: false }, 12 * USD],
    [
      'what ran before the month, from its beginning',
      { launchedAt: START - 100 * HOUR, goneAt: START + HOUR },
      2 * USD,
    ],
    ['nothing of what ended before the month', { launchedAt: START - 9 * HOUR, goneAt: START - HOUR }, 0],
    ['nothing of what ended with the month before', { launchedAt: START - 9 * HOUR, goneAt: START }, 0],
    ['nothing of what was never launched', { launchedAt: null }, 0],
    ['nothing of what is proved gone only later', { goneAt: AT + 5 * HOUR }, 20 * USD],
  ])('counts %s', (_what, changes, expected) => {
    expect(spentInMonth([use(changes)], AT)).toBe(expected);
  });

  it('adds up exactly, and rounds up once', () => {
    const third = use({ adjustedPriceMicroUsdPerHour: 1, launchedAt: AT - HOUR / 4 });
    expect(spentInMonth([third, third, third], AT)).toBe(1);
    expect(spentInMonth([third, third, third, third], AT)).toBe(1);
    expect(spentInMonth([third, third, third, third, third], AT)).toBe(2);
    const dear = use({ adjustedPriceMicroUsdPerHour: 98_320_001, launchedAt: START });
    expect(
      spentInMonth(
        Array.from({ length: 1000 }, () => dear),
        AT,
      ),
    ).toBe(98_320_001 * 480 * 1000);
  });
});

describe('affordableRate', () => {
  it('spreads what is left over the hours that are left', () => {
    expect(affordableRate(1000 * USD, 400 * USD, AT)).toBe(2.5 * USD);
    expect(affordableRate(1000 * USD, 400 * USD + 1, AT)).toBe(2.5 * USD - 1);
  });

  it('is 0 when nothing is left, or more than that is spent', () => {
    expect(affordableRate(1000 * USD, 1000 * USD, AT)).toBe(0);
    expect(affordableRate(1000 * USD, 1001 * USD, AT)).toBe(0);
    expect(affordableRate(0, 0, AT)).toBe(0);
  });

  it('stays a number that can be counted with in the last moment of a month', () => {
    const last = monthOf(AT).to - 1;
    expect(affordableRate(10 ** 15, 0, last)).toBe(Number.MAX_SAFE_INTEGER);
  });

  it('never allows more than the money, and never a micro-dollar an hour less than it could', () => {
    const money = fc.integer({ min: 0, max: 10 ** 12 });
    fc.assert(
      fc.property(money, money, fc.integer({ min: START, max: monthOf(AT).to - HOUR }), (limit, spent, at) => {
        const rate = BigInt(affordableRate(limit, spent, at));
        const ms = BigInt(monthOf(at).to - at);
        const left = BigInt(Math.max(0, limit - spent)) * BigInt(HOUR);
        expect(rate * ms <= left).toBe(true);
        expect(spent >= limit || (rate + 1n) * ms > left).toBe(true);
      }),
      { numRuns: 200, seed: 1 },
    );
  });
});

describe('monthEndSpend', () => {
  it('adds what is wanted until the month ends, launched or not', () => {
    expect(monthEndSpend([use()], AT)).toBe((20 + 480) * USD);
    expect(monthEndSpend([use({ launchedAt: null })], AT)).toBe(480 * USD);
    expect(monthEndSpend([use({ wanted: false })], AT)).toBe(20 * USD);
    expect(monthEndSpend([use({ goneAt: AT - HOUR })], AT)).toBe(18 * USD);
  });
});
