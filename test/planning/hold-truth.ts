/** Lifts a reason that a plan names, in the input itself, so that a reason can be held to its word. Shares no code with `src/planning`. */
import type { PlanInput, PlanWorkload } from '../../src/domain/plan.ts';
import type { MaxShare, Policy } from '../../src/domain/policy.ts';
import type { WorkloadSpec } from '../../src/domain/workload.ts';
import { policyOf } from './fleet-arithmetic.ts';

type Lift = (input: PlanInput, workload: PlanWorkload) => PlanInput;

/** Reasons that docs/policy.md says cannot be lifted, and the one that only another policy takes away. */
export const FACTS: ReadonlySet<string> = new Set(['no-offer', 'does-not-fit', 'gang.placement', 'no-policy']);

function inPolicy(change: (policy: Policy) => Partial<Policy>): Lift {
  return (input, { spec }) => {
    const governing = policyOf(input, spec.team);
    const policies = input.policies.map((policy) => (policy === governing ? { ...policy, ...change(policy) } : policy));
    return { ...input, policies };
  };
}

function inSpec(changes: Partial<WorkloadSpec>): Lift {
  return (input, { id }) => withSpec(input, id, changes);
}

export function withSpec(input: PlanInput, id: string, changes: Partial<WorkloadSpec>): PlanInput {
  const workloads = input.workloads.map((workload) =>
    workload.id === id ? { id, spec: { ...workload.spec, ...changes } } : workload,
  );
  return { ...input, workloads };
}

function inOffers(changes: Partial<PlanInput['offers'][number]>): Lift {
  return (input) => ({ ...input, offers: input.offers.map((offer) => ({ ...offer, ...changes })) });
}

function cap(scope: keyof MaxShare): Lift {
  return inPolicy(({ maxShare }) => ({ maxShare: { ...maxShare, [scope]: null } }));
}

const ALL_MARKETS = ['on-demand', 'spot', 'reserved'] as const;

export const LIFTS: Readonly<Record<string, Lift>> = {
  'maxShare.provider': cap('provider'),
  'maxShare.region': cap('region'),
  'maxShare.zone': cap('zone'),
  'maxShare.pool': cap('pool'),
  'maxShare.market': cap('market'),
  maxSpotShare: inPolicy(() => ({ maxSpotShare: null })),
  minProviders: inPolicy(() => ({ minProviders: 1 })),
  maxConcentration: inPolicy(() => ({ maxConcentration: null })),
  'survive.provider': inPolicy(({ survive }) => ({ survive: survive.filter(({ loss }) => loss !== 'provider') })),
  'survive.region': inPolicy(({ survive }) => ({ survive: survive.filter(({ loss }) => loss !== 'region') })),
  'workload.keepShare': inSpec({ keepShare: null }),
  budget: (input) => ({ ...input, teamBudgets: [] }),
  architecture: (input, { spec }) => inOffers({ architecture: spec.architecture })(input, { id: '', spec }),
  'providers.allow': inPolicy(() => ({ allowedProviders: null })),
  'workload.providers': inSpec({ providers: null }),
  'residency.regions': inPolicy(() => ({ allowedRegions: null })),
  'workload.regions': inSpec({ regions: null }),
  'markets.allow': inPolicy(() => ({ allowedMarkets: ALL_MARKETS })),
  'workload.markets': inSpec({ markets: ALL_MARKETS }),
  restricted: inOffers({ availability: 'available' }),
  maxPrice: inPolicy(() => ({ maxPriceMicroUsdPerHour: null })),
  'workload.maxPrice': inSpec({ maxPriceMicroUsdPerHour: null }),
  'sold-out': (input) => ({ ...input, soldOut: [] }),
  headroom: (input) => ({ ...input, quotas: [] }),
  'available-count': inOffers({ availableCount: null }),
};
