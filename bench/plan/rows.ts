import type { Policy } from '../../src/domain/policy.ts';

/** One question of the benchmark: a policy, and what an exact solver found for the two known fleets, in dollars an hour. */
export interface Row {
  readonly name: string;
  readonly policy: Policy;
  /** By number of workloads. */
  readonly exact: Readonly<Record<number, number>>;
}

const UNLIMITED: Policy = {
  name: 'bench',
  teams: ['*'],
  allowedRegions: null,
  allowedProviders: null,
  allowedMarkets: ['on-demand', 'spot', 'reserved'],
  maxSpotShare: null,
  measure: 'accelerator-hours',
  enforceAboveMicroUsdPerHour: 0,
  minProviders: 1,
  minProviderShare: 0,
  maxShare: { provider: null, region: null, zone: null, pool: null, market: null },
  maxConcentration: null,
  survive: [],
  onInfeasible: 'hold',
  relax: [],
  maxPremiumShare: null,
  maxPriceMicroUsdPerHour: null,
  egressMicroUsdPerGb: 80_000,
  budgets: [],
  priceAdjustments: [],
  rebalance: {
    schedule: null,
    timeZone: 'UTC',
    mode: 'off',
    moveCostMicroUsd: 500_000,
    minSavingsMicroUsdPerHour: 0,
    minSavingsShare: 0,
    maxPaybackHours: 24,
    cooldownMinutes: 0,
    maxConcurrentMoves: 1,
    maxShareOfWorkload: 1,
  },
};

const SURVIVE: Policy['survive'] = [{ loss: 'provider', keepShare: 0.5 }];

function shares(provider: number, region: number | null): Policy['maxShare'] {
  return { provider, region, zone: null, pool: null, market: null };
}

export const ROWS: readonly Row[] = [
  { name: 'cost only', policy: UNLIMITED, exact: { 200: 1685.487, 1000: 11_926.453 } },
  {
    name: 'provider ≤ 50 %',
    policy: { ...UNLIMITED, maxShare: shares(0.5, null) },
    exact: { 200: 1690.308, 1000: 11_970.259 },
  },
  {
    name: 'provider ≤ 50 %, region ≤ 20 %, spot ≤ 60 %, survive any provider',
    policy: { ...UNLIMITED, maxShare: shares(0.5, 0.2), maxSpotShare: 0.6, survive: SURVIVE },
    exact: { 200: 1869.19, 1000: 12_715.92 },
  },
  {
    name: '… with provider ≤ 40 %',
    policy: { ...UNLIMITED, maxShare: shares(0.4, 0.2), maxSpotShare: 0.6, survive: SURVIVE },
    exact: { 200: 1883.174, 1000: 12_822.305 },
  },
  {
    name: 'concentration of money ≤ .36 only',
    policy: { ...UNLIMITED, measure: 'effective-cost', maxConcentration: 0.36 },
    exact: { 200: 1870.09, 1000: 13_390.25 },
  },
];

/** The row that fleets of other sizes, first answers and incremental changes are measured under. */
export const FULL_ROW = ROWS[2] ?? ROWS[0];
