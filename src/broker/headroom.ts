import type { LeaseState } from '../domain/lease.ts';
import type { Offer, QuotaClaim } from '../domain/offer.ts';
import { headroomOf, quotaKey } from '../domain/offer.ts';
import { poolKey } from '../domain/pool.ts';
import type { EpochMs } from '../domain/time.ts';
import type { Refusal } from '../providers/provider.ts';
import { type LeaseRow, listLiveLeases } from '../store/leases.ts';
import { offersOfPools } from '../store/offers.ts';
import type { Handle } from '../store/open-store.ts';
import { listQuotas, type QuotaRow } from '../store/quotas.ts';
import { claimKey, inFlightUnits } from './assemble-input.ts';

/** A figure that is older says nothing about the present: the cloud itself is asked, by launching. */
const FIGURE_GOOD_FOR_MS = 3_600_000;
/** Usage moves when machines end, and is read again within minutes: no reason to leave a family alone for long. */
const RETRY_AFTER_SECONDS = 120;

/**
 * Machines of an offer that its quotas leave room for: `left` is the headroom by quota key, null where the cloud does not tell. Null =
 * unknown: a quota that cannot be told limits nothing, but neither does it promise anything. 0 as soon as one known quota is used up.
 */
export function headroomMachines(
  offer: Pick<Offer, 'pool' | 'quotaClaims'>,
  left: ReadonlyMap<string, number | null>,
): number | null {
  let known: number | null = null;
  let isUnknown = false;
  for (const claim of offer.quotaClaims.filter(({ units }) => units > 0)) {
    const units = left.get(claimKey(offer.pool, claim)) ?? null;
    if (units === null) isUnknown = true;
    else known = Math.min(known ?? Number.POSITIVE_INFINITY, Math.floor(units / claim.units));
  }
  return isUnknown && known !== 0 ? null : known;
}

/** A machine in flight, by the lease's id. */
export type LaunchingLease = Pick<LeaseRow, 'id' | 'pool' | 'state' | 'createdAt'>;

/**
 * Refuses a launch locally when the cloud's own figure, less what is in flight, leaves no room for one machine of the lease's pool: null
 * = go on. An unknown or old figure refuses nothing. Of several leases that wait for the same headroom the oldest go first.
 */
export async function headroomRefusal(handle: Handle, lease: LaunchingLease, at: EpochMs): Promise<Refusal | null> {
  const leases = await listLiveLeases(handle, lease.pool.provider);
  const offers = await offersOfPools(handle, [...new Set([...leases, lease].map(({ pool }) => poolKey(pool)))]);
  const quotas = (await listQuotas(handle)).filter(({ provider }) => provider === lease.pool.provider);
  return refusalFor(lease, leases, offers, quotas, at);
}

/** Pure. See {@link headroomRefusal}. */
export function refusalFor(
  lease: LaunchingLease,
  leases: readonly LaunchingLease[],
  offers: readonly Pick<Offer, 'pool' | 'quotaClaims'>[],
  quotas: readonly QuotaRow[],
  at: EpochMs,
): Refusal | null {
  const offer = offers.find(({ pool }) => poolKey(pool) === poolKey(lease.pool));
  const ahead = leases.filter((other) => other.id !== lease.id && goesFirst(other, lease));
  const inFlight = inFlightUnits(quotas, ahead, offers);
  const byKey = new Map(quotas.map((quota) => [quotaKey(quota.provider, quota.region, quota.name), quota]));
  for (const claim of offer?.quotaClaims ?? []) {
    const key = claimKey(lease.pool, claim);
    const quota = byKey.get(key);
    if (quota === undefined || at - quota.observedAt > FIGURE_GOOD_FOR_MS) continue;
    const headroom = headroomOf(quota, inFlight.get(key) ?? 0);
    if (headroom !== null && claim.units > headroom) return refusalOf(quota, claim, headroom);
  }
  return null;
}

const NOT_SENT: readonly LeaseState[] = ['planned'];

function goesFirst(other: LaunchingLease, lease: LaunchingLease): boolean {
  return !NOT_SENT.includes(other.state) || other.id < lease.id;
}

function refusalOf(quota: QuotaRow, claim: QuotaClaim, headroom: number): Refusal {
  const { provider, region, name, limit, usage, unit } = quota;
  return {
    kind: 'quota',
    scope: { provider, region, zone: null, instanceType: null, market: null, quota: name },
    retryAfterSeconds: RETRY_AFTER_SECONDS,
    code: 'NoHeadroom',
    message:
      `nothing was sent: quota ${name} of ${region ?? 'the account'} has ${headroom} ${unit} left ` +
      `(limit ${limit ?? 'unknown'}, usage ${usage ?? 'unknown'}), the machine takes ${claim.units}; ask ${provider} for a higher limit`,
  };
}
