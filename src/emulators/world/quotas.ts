import type { Catalog } from './catalog.ts';
import type { LaunchFailure, QuotaState, WorldMachine, WorldPool } from './contract.ts';
import type { CloudId, QuotaClaimFact, QuotaFact } from './market-facts.ts';

type QuotaFailure = Extract<LaunchFailure, { kind: 'quota' }>;

export interface Quotas {
  /** The quotas of one region, or the account-wide ones for null. */
  states(cloud: CloudId, region: string | null): readonly QuotaState[];
  /** How many of `count` machines fit under every quota they claim, and the quota that lets the fewest in. */
  fitting(pool: WorldPool, count: number): { readonly fits: number; readonly tightest: QuotaFailure | null };
  /** `region` null sets a regional quota in every region. Throws RangeError for an unknown quota or region. */
  setLimit(cloud: CloudId, region: string | null, quota: string, limit: number): void;
}

export function createQuotas(options: {
  readonly catalog: Catalog;
  /** Machines that count: pending, running and stopping ones. */
  readonly counted: (cloud: CloudId) => Iterable<WorldMachine>;
}): Quotas {
  const { catalog, counted } = options;
  const limits = new Map<string, number>();

  function keyOf(cloud: CloudId, region: string | null, quota: string): string {
    return `${cloud}/${region ?? '*'}/${quota}`;
  }

  function claimsOf(pool: WorldPool): readonly QuotaClaimFact[] {
    return catalog.instanceType(pool.cloud, pool.instanceType)?.quotaClaims[pool.market] ?? [];
  }

  /** Units in use by quota, which has a name of its own in its cloud: of the region's machines, or of all for null. */
  function usageIn(cloud: CloudId, region: string | null): ReadonlyMap<string, number> {
    const usage = new Map<string, number>();
    const pools = [...counted(cloud)].map(({ pool }) => pool);
    const claims = pools.filter((pool) => region === null || pool.region === region).flatMap(claimsOf);
    for (const claim of claims) usage.set(claim.quota, (usage.get(claim.quota) ?? 0) + claim.units);
    return usage;
  }

  function limitOf(cloud: CloudId, region: string | null, fact: QuotaFact): number {
    return limits.get(keyOf(cloud, region, fact.name)) ?? fact.defaultLimit;
  }

  function states(cloud: CloudId, region: string | null): readonly QuotaState[] {
    const usage = usageIn(cloud, region);
    return catalog
      .facts(cloud)
      .quotas.filter((fact) => fact.scope === (region === null ? 'global' : 'region'))
      .map((fact) => ({ fact, region, limit: limitOf(cloud, region, fact), usage: usage.get(fact.name) ?? 0 }));
  }

  function fitting(pool: WorldPool, count: number): ReturnType<Quotas['fitting']> {
    const all = [...states(pool.cloud, pool.region), ...states(pool.cloud, null)];
    let fits = count;
    let tightest: QuotaFailure | null = null;
    for (const claim of claimsOf(pool)) {
      const state = all.find(({ fact }) => fact.name === claim.quota && fact.scope === claim.scope);
      if (state === undefined) continue;
      const { limit, usage } = state;
      const room = Math.max(0, Math.floor((limit - usage) / claim.units));
      if (room >= fits) continue;
      fits = room;
      const wanted = claim.units * count;
      tightest = { kind: 'quota', quota: claim.quota, scope: claim.scope, limit, usage, wanted };
    }
    return { fits, tightest };
  }

  function setLimit(cloud: CloudId, region: string | null, quota: string, limit: number): void {
    if (!(Number.isFinite(limit) && limit >= 0)) throw new RangeError(`a limit must be ≥ 0, not ${limit}`);
    const facts = catalog.facts(cloud);
    const fact = facts.quotas.find(({ name }) => name === quota);
    if (fact === undefined) throw new RangeError(`${cloud} has no quota called ${quota}`);
    if (fact.scope === 'global') {
      if (region !== null) throw new RangeError(`${quota} is account-wide: it has no limit of its own in ${region}`);
      limits.set(keyOf(cloud, null, quota), limit);
      return;
    }
    const regions = facts.regions.filter(({ name }) => region === null || name === region);
    if (regions.length === 0) throw new RangeError(`${cloud} has no region called ${region}`);
    for (const { name } of regions) limits.set(keyOf(cloud, name, quota), limit);
  }

  return { states, fitting, setLimit };
}
