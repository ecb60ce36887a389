import type { MicroUsdPerHour } from '../domain/money.ts';
import type { Quota } from '../domain/offer.ts';
import { headroomOf, quotaKey } from '../domain/offer.ts';
import type { PlanInput, PlanOffer } from '../domain/plan.ts';
import type { Policy } from '../domain/policy.ts';
import { poolKey } from '../domain/pool.ts';
import type { SoldOut } from '../domain/sold-out.ts';
import { scopeCovers } from '../domain/sold-out.ts';
import { adjustedPrice } from './pricing.ts';
import type { Subjects } from './rules.ts';
import { subjectsOf } from './rules.ts';

/** What one machine takes of a quota whose headroom is known. */
export interface LimitingClaim {
  readonly quota: string;
  readonly units: number;
}

/** An offer with everything that does not depend on the workload. */
export interface MarketOffer {
  readonly offer: PlanOffer;
  /** `poolKey` of its pool. */
  readonly key: string;
  readonly adjusted: MicroUsdPerHour;
  readonly subjects: Subjects;
  /** Sorted by quota; unknown quotas limit nothing and are left out. */
  readonly claims: readonly LimitingClaim[];
  /** Equal for offers with the same claims; empty without any. */
  readonly claimsKey: string;
  /** Whether its figures make sense; nothing is ever placed where they do not. */
  readonly isValid: boolean;
  /** The refusal that keeps it closed the longest; null where none is in force. */
  readonly soldOut: SoldOut | null;
}

export interface Headroom {
  readonly quota: Quota;
  readonly units: number;
}

/** The input's offers and quotas in a stated order, whatever order they came in. */
export interface MarketView {
  /** Sorted by pool key; one per pool. */
  readonly offers: readonly MarketOffer[];
  readonly byKey: ReadonlyMap<string, MarketOffer>;
  readonly byAccelerator: ReadonlyMap<string, readonly MarketOffer[]>;
  /** Known headroom by `quotaKey`. */
  readonly headroom: ReadonlyMap<string, Headroom>;
}

const views = new WeakMap<PlanInput, MarketView>();

/** The view of an input, made once: planning and explaining look at the same. */
export function marketViewOf(input: PlanInput): MarketView {
  let view = views.get(input);
  if (view === undefined) {
    view = madeView(input);
    views.set(input, view);
  }
  return view;
}

function madeView(input: PlanInput): MarketView {
  const headroom = headroomByQuota(input.quotas);
  const policies = policiesInOrder(input);
  const refusals = input.soldOut.filter(({ until }) => until > input.at).toSorted(latestFirst);
  const offers = uniqueOffers(input.offers).map(([key, offer]) =>
    marketOffer(policies, key, offer, headroom, refusals),
  );
  const byAccelerator = Map.groupBy(offers, ({ offer }) => offer.accelerator);
  const byKey = new Map(offers.map((at) => [at.key, at]));
  return { offers, byKey, byAccelerator, headroom };
}

/** By name: the order in which price adjustments apply, and fleets are told. */
export function policiesInOrder({ policies }: Pick<PlanInput, 'policies'>): readonly Policy[] {
  return policies.toSorted((a, b) => compareText(a.name, b.name));
}

function headroomByQuota(quotas: readonly Quota[]): ReadonlyMap<string, Headroom> {
  const headroom = new Map<string, Headroom>();
  for (const quota of quotas) {
    const key = quotaKey(quota.provider, quota.region, quota.name);
    const units = headroomOf(quota, 0);
    const former = headroom.get(key)?.units ?? Number.POSITIVE_INFINITY;
    if (units !== null && units < former) headroom.set(key, { quota, units });
  }
  return headroom;
}

/** One offer per pool: the newest, then the cheaper, should a pool be listed twice. */
function uniqueOffers(offers: readonly PlanOffer[]): readonly (readonly [string, PlanOffer])[] {
  const byPool = new Map<string, PlanOffer>();
  for (const offer of offers) {
    const key = poolKey(offer.pool);
    const former = byPool.get(key);
    if (former === undefined || supersedes(offer, former)) byPool.set(key, offer);
  }
  return [...byPool].toSorted(([a], [b]) => compareText(a, b));
}

function supersedes(offer: PlanOffer, former: PlanOffer): boolean {
  if (offer.observedAt !== former.observedAt) return offer.observedAt > former.observedAt;
  if (offer.priceMicroUsdPerHour !== former.priceMicroUsdPerHour) {
    return offer.priceMicroUsdPerHour < former.priceMicroUsdPerHour;
  }
  return compareText(JSON.stringify(offer), JSON.stringify(former)) < 0;
}

function marketOffer(
  policies: readonly Policy[],
  key: string,
  offer: PlanOffer,
  headroom: ReadonlyMap<string, Headroom>,
  refusals: readonly SoldOut[],
): MarketOffer {
  const isValid = hasValidFigures(offer);
  const adjusted = isValid ? adjustedPrice(policies, offer.pool, offer.priceMicroUsdPerHour) : 1;
  const claims = limitingClaims(offer, headroom);
  return {
    offer,
    key,
    adjusted,
    isValid,
    subjects: subjectsOf(offer.pool, key),
    claims,
    claimsKey: claims.map((claim) => `${claim.quota}*${claim.units}`).join(' '),
    soldOut: refusalOf(offer, refusals),
  };
}

function limitingClaims(offer: PlanOffer, headroom: ReadonlyMap<string, Headroom>): readonly LimitingClaim[] {
  const claims: { quota: string; units: number }[] = [];
  for (const claim of offer.quotaClaims) {
    const quota = quotaKey(offer.pool.provider, claim.scope === 'global' ? null : offer.pool.region, claim.quota);
    if (!headroom.has(quota)) continue;
    const former = claims.find((other) => other.quota === quota);
    if (former === undefined) claims.push({ quota, units: claim.units });
    else former.units += claim.units;
  }
  return claims.filter(({ units }) => units > 0).sort((a, b) => compareText(a.quota, b.quota));
}

function refusalOf(offer: PlanOffer, refusals: readonly SoldOut[]): SoldOut | null {
  if (refusals.length === 0) return null;
  const quotas = offer.quotaClaims.map(({ quota }) => quota);
  return refusals.find(({ scope }) => scopeCovers(scope, offer.pool, quotas)) ?? null;
}

/** A price above 0, a chance above 0, interruptions that can be, whole accelerators: anything else would be ranked wrongly. */
function hasValidFigures({
  priceMicroUsdPerHour: price,
  successProbability,
  interruptionsPerHour,
  ...offer
}: PlanOffer) {
  return (
    Number.isSafeInteger(price) &&
    price > 0 &&
    successProbability > 0 &&
    successProbability < Number.POSITIVE_INFINITY &&
    (offer.availableCount === null || offer.availableCount >= 0) &&
    interruptionsPerHour >= 0 &&
    Number.isFinite(interruptionsPerHour) &&
    Number.isSafeInteger(offer.acceleratorCount) &&
    offer.acceleratorCount > 0
  );
}

function latestFirst(a: SoldOut, b: SoldOut): number {
  return b.until - a.until || compareText(JSON.stringify(a), JSON.stringify(b));
}

/** Code unit order: the same on every machine, unlike a locale's. */
export function compareText(a: string, b: string): number {
  if (a === b) return 0;
  return a < b ? -1 : 1;
}
