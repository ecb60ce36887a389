import type { Policy } from '../../src/domain/policy.ts';
import type { WorkloadSpec } from '../../src/domain/workload.ts';
import { permissivePolicy } from '../support/policies.ts';
import { aWorkload } from '../support/samples.ts';

/** What users of the simulation ask for. */
const SHAPES = {
  single: { accelerators: [{ accelerator: 'T4', count: 1, perMachine: 1, throughput: 1 }] },
  shared: { accelerators: [{ accelerator: 'T4', count: 1, perMachine: 4, throughput: 1 }] },
  gang: { accelerators: [{ accelerator: 'T4', count: 8, perMachine: 4, throughput: 1 }] },
  spot: { accelerators: [{ accelerator: 'T4', count: 1, perMachine: null, throughput: 1 }], markets: ['spot'] },
  'spot gang': { accelerators: [{ accelerator: 'T4', count: 3, perMachine: 1, throughput: 1 }], markets: ['spot'] },
  'either model': {
    accelerators: [
      { accelerator: 'L4', count: 1, perMachine: null, throughput: 1.5 },
      { accelerator: 'T4', count: 1, perMachine: null, throughput: 1 },
    ],
  },
  'one cloud': { accelerators: [{ accelerator: 'T4', count: 1, perMachine: 1, throughput: 1 }], providers: ['gcp'] },
} as const satisfies Readonly<Record<string, Partial<WorkloadSpec>>>;

export type ShapeName = keyof typeof SHAPES;
export const SHAPE_NAMES = Object.keys(SHAPES) as readonly ShapeName[];

export const TEAM = 'team';

export function workloadOf(wish: {
  readonly workload: string;
  readonly shape: ShapeName;
  readonly replicas: number;
  readonly isProtected: boolean;
}): WorkloadSpec {
  const { workload: name, shape, replicas, isProtected } = wish;
  return aWorkload({ name, team: TEAM, replicas, isProtected, ...SHAPES[shape] });
}

const NO_SHARES = { provider: null, region: null, zone: null, pool: null, market: null };
const BASE: Partial<Policy> = {
  allowedRegions: null,
  enforceAboveMicroUsdPerHour: 0,
  budgets: [],
  maxPremiumShare: null,
};

/** What operators of the simulation allow. */
const POLICIES = {
  permissive: {},
  'half a provider': { maxShare: { ...NO_SHARES, provider: 0.5 } },
  'two providers': { minProviders: 2 },
  'little spot': { maxSpotShare: 0.4 },
  'a small budget': { budgets: [{ team: TEAM, period: 'month', limitMicroUsd: 6_000_000, action: 'refuse' }] },
  'a tight budget': { budgets: [{ team: TEAM, period: 'month', limitMicroUsd: 1_200_000, action: 'refuse' }] },
  'zones apart': { maxShare: { ...NO_SHARES, zone: 0.5 } },
} as const satisfies Readonly<Record<string, Partial<Policy>>>;

export type PolicyName = keyof typeof POLICIES;
export const POLICY_NAMES = Object.keys(POLICIES) as readonly PolicyName[];

export function policyOf(name: PolicyName): Policy {
  return permissivePolicy({ ...BASE, ...POLICIES[name] });
}
