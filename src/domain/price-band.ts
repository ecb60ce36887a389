import type { MicroUsdPerHour } from './money.ts';
import type { Offer } from './offer.ts';
import type { Pool } from './pool.ts';
import type { EpochMs } from './time.ts';

/*
 * Whether a price can be true. Price lists have typing errors, wrong units and test entries; a plan that ranks one of them first puts
 * the whole fleet there. The decision is pure: what the price is compared with is handed in.
 */

/** A price more than this many times above or below what it is compared with is out of band. */
export const BAND_FACTOR = 5;
/** A pool's own history is trusted when it is this old; until then a wrong first price would vouch for itself. */
const TRUSTED_AFTER_MS = 30 * 60_000;
/** Fewer peers cannot tell which of them is wrong. */
const FEWEST_PEERS = 3;
/** Hosts of like size: their vCPUs differ by no more than this factor, or the host would be most of the price. */
const LIKE_SIZE_FACTOR = 2;
/** Readings in a row that must tell the same price before it is believed. */
export const SIGHTINGS_TO_RELEASE = 3;
/** Prices that differ by no more than this share are the same price: spot prices never stand still. */
const SAME_PRICE_SHARE = 0.1;

/** What the pool itself has cost. */
export interface PriceRecord {
  /** Median of its last changes; since the acceptance only, where a price out of band was accepted. */
  readonly medianMicroUsdPerHour: MicroUsdPerHour;
  /** The first of those changes. */
  readonly since: EpochMs;
  /** Whether it begins with a price that a person, or patience, has accepted. */
  readonly accepted: boolean;
}

/** An offer as a peer of others. */
export type PeerPrice = Pick<Offer, 'pool' | 'accelerator' | 'acceleratorCount' | 'vcpuCount' | 'priceMicroUsdPerHour'>;

/** What a price is compared with. */
export interface PriceReference {
  readonly microUsdPerHour: MicroUsdPerHour;
  /** `its own history`, `aws in other regions` … */
  readonly words: string;
}

/**
 * Own history where it is old enough or was accepted, else the median of peers: the same accelerator, count and market on hosts of like
 * size in the provider's other regions, else at other providers; else the young history; null = nothing to compare with.
 */
export function priceReference(
  offer: PeerPrice,
  record: PriceRecord | null,
  peers: readonly PeerPrice[],
  at: EpochMs,
): PriceReference | null {
  const own =
    record === null ? null : { microUsdPerHour: record.medianMicroUsdPerHour, words: 'the median of its own history' };
  if (record !== null && (record.accepted || at - record.since >= TRUSTED_AFTER_MS)) return own;
  const { provider, region } = offer.pool;
  const alike = peers.filter((peer) => isPeer(offer, peer));
  const elsewhere = alike.filter(({ pool }) => pool.provider === provider && pool.region !== region);
  const others = alike.filter(({ pool }) => pool.provider !== provider);
  return (
    peerReference(elsewhere, `the median of its peers in other regions of ${provider}`) ??
    peerReference(others, 'the median of its peers at other providers') ??
    own
  );
}

function isPeer(offer: PeerPrice, peer: PeerPrice): boolean {
  const ratio = peer.vcpuCount / offer.vcpuCount;
  return (
    peer.accelerator === offer.accelerator &&
    peer.acceleratorCount === offer.acceleratorCount &&
    peer.pool.market === offer.pool.market &&
    ratio <= LIKE_SIZE_FACTOR &&
    ratio >= 1 / LIKE_SIZE_FACTOR
  );
}

function peerReference(peers: readonly PeerPrice[], words: string): PriceReference | null {
  // One vote for each region: a region with many zones is no better evidence.
  const votes = new Map(peers.map((peer) => [voteOf(peer.pool), peer.priceMicroUsdPerHour]));
  if (votes.size < FEWEST_PEERS) return null;
  return { microUsdPerHour: medianOf([...votes.values()]), words };
}

function voteOf({ provider, region, instanceType }: Pool): string {
  return `${provider}/${region}/${instanceType}`;
}

/** The lower of the two in the middle, where the count is even. Throws RangeError for an empty list. */
export function medianOf(prices: readonly MicroUsdPerHour[]): MicroUsdPerHour {
  const median = prices.toSorted((a, b) => a - b)[Math.floor((prices.length - 1) / 2)];
  if (median === undefined) throw new RangeError('An empty list has no median');
  return median;
}

/** Why the price cannot be ranked, in words; null = it can. Without a reference every price above zero can. */
export function priceDoubt(price: MicroUsdPerHour, reference: PriceReference | null): string | null {
  if (price <= 0) return 'the price is not above zero';
  if (reference === null) return null;
  const ratio = price / reference.microUsdPerHour;
  if (ratio > BAND_FACTOR) return `${ratio.toFixed(1)} times ${reference.words}`;
  if (ratio < 1 / BAND_FACTOR) return `${reference.words} is ${(1 / ratio).toFixed(1)} times as much`;
  return null;
}

/** What is known of a price in quarantine from former readings. */
export interface Sighting {
  readonly priceMicroUsdPerHour: MicroUsdPerHour | null;
  readonly firstSeenAt: EpochMs;
  /** Readings in a row that told the same price. */
  readonly sightings: number;
}

/**
 * One more reading of a price out of band: `released` when it was seen unchanged often enough. A price that changes begins anew; one
 * that is no amount (null) is never released.
 */
export function nextSighting(
  former: Sighting | null,
  price: MicroUsdPerHour | null,
  at: EpochMs,
): Sighting & { readonly released: boolean } {
  const same = former !== null && isSamePrice(former.priceMicroUsdPerHour, price);
  if (!same)
    return { priceMicroUsdPerHour: price, firstSeenAt: former?.firstSeenAt ?? at, sightings: 1, released: false };
  const sightings = former.sightings + 1;
  return {
    // The first price stays the measure: a price that creeps away is not unchanged.
    priceMicroUsdPerHour: former.priceMicroUsdPerHour,
    firstSeenAt: former.firstSeenAt,
    sightings,
    released: price !== null && price > 0 && sightings >= SIGHTINGS_TO_RELEASE,
  };
}

function isSamePrice(a: MicroUsdPerHour | null, b: MicroUsdPerHour | null): boolean {
  if (a === null || b === null) return a === b;
  return Math.abs(a - b) <= SAME_PRICE_SHARE * Math.max(a, 0);
}
