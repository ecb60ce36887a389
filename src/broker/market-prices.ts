import type { Offer } from '../domain/offer.ts';
import { type Pool, poolKey } from '../domain/pool.ts';
import {
  nextSighting,
  type PeerPrice,
  type PriceRecord,
  priceDoubt,
  priceReference,
  SIGHTINGS_TO_RELEASE,
} from '../domain/price-band.ts';
import type { EpochMs } from '../domain/time.ts';
import type { QuarantinedPrice } from '../providers/provider.ts';
import { appendEvent } from '../store/events.ts';
import type { Handle } from '../store/open-store.ts';
import {
  acceptPrice,
  peerPrices,
  priceRecords,
  type QuarantinedRow,
  regionQuarantine,
  replaceRegionQuarantine,
} from '../store/quarantine.ts';

/** What a reading of one region comes to, once its prices have been judged. */
export interface JudgedPrices {
  readonly believed: readonly Offer[];
  readonly quarantined: readonly QuarantinedRow[];
  /** Out of band, but seen unchanged so often that they are believed. */
  readonly released: readonly Offer[];
}

export interface PriceEvidence {
  /** By pool key. */
  readonly records: ReadonlyMap<string, PriceRecord>;
  readonly peers: readonly PeerPrice[];
  /** What the region had in quarantine so far, by pool key. */
  readonly former: ReadonlyMap<string, QuarantinedRow>;
}

/** Pure. Offers that are believed come in the order in which they were read. */
export function judgePrices(
  offers: readonly Offer[],
  unreadable: readonly QuarantinedPrice[],
  evidence: PriceEvidence,
  at: EpochMs,
): JudgedPrices {
  const believed: Offer[] = [];
  const released: Offer[] = [];
  const quarantined = unreadable.map(({ pool, reason }) => quarantineRow(evidence, pool, null, null, reason, at).row);
  for (const offer of offers) {
    const key = poolKey(offer.pool);
    const reference = priceReference(offer, evidence.records.get(key) ?? null, evidence.peers, at);
    const doubt = priceDoubt(offer.priceMicroUsdPerHour, reference);
    if (doubt === null) {
      believed.push(offer);
      continue;
    }
    const price = offer.priceMicroUsdPerHour;
    const sighting = quarantineRow(evidence, offer.pool, price, reference?.microUsdPerHour ?? null, doubt, at);
    if (!sighting.released) {
      quarantined.push(sighting.row);
      continue;
    }
    released.push(offer);
    believed.push(offer);
  }
  return { believed, quarantined, released };
}

function quarantineRow(
  { former }: PriceEvidence,
  pool: Pool,
  price: number | null,
  reference: number | null,
  reason: string,
  at: EpochMs,
): { readonly row: QuarantinedRow; readonly released: boolean } {
  const { released, ...sighting } = nextSighting(former.get(poolKey(pool)) ?? null, price, at);
  return { released, row: { pool, ...sighting, referenceMicroUsdPerHour: reference, reason, lastSeenAt: at } };
}

/** Judges the prices of one region and keeps the doubtful ones in quarantine. Returns the offers that may be ranked. */
export async function quarantinePrices(
  transaction: Handle,
  place: { readonly provider: string; readonly region: string },
  read: { readonly offers: readonly Offer[]; readonly unreadable: readonly QuarantinedPrice[] },
  at: EpochMs,
): Promise<readonly Offer[]> {
  const { provider, region } = place;
  const records = await priceRecords(
    transaction,
    read.offers.map(({ pool }) => poolKey(pool)),
  );
  const accelerators = [...new Set(read.offers.map(({ accelerator }) => accelerator))];
  const former = new Map(
    (await regionQuarantine(transaction, provider, region)).map((row) => [poolKey(row.pool), row]),
  );
  const evidence = { records, peers: await peerPrices(transaction, accelerators), former };
  const judged = judgePrices(read.offers, read.unreadable, evidence, at);
  await replaceRegionQuarantine(transaction, provider, region, judged.quarantined);
  for (const offer of judged.released) {
    await acceptPrice(transaction, poolKey(offer.pool), offer.priceMicroUsdPerHour, offer.observedAt);
  }
  await tellChanges(transaction, place, judged, former, at);
  return judged.believed;
}

const POOLS_IN_WORDS = 3;

async function tellChanges(
  transaction: Handle,
  { provider, region }: { readonly provider: string; readonly region: string },
  judged: JudgedPrices,
  former: ReadonlyMap<string, QuarantinedRow>,
  at: EpochMs,
): Promise<void> {
  const event = { at, workloadId: null, leaseId: null };
  const fresh = judged.quarantined.filter(({ pool }) => !former.has(poolKey(pool)));
  if (fresh.length > 0) {
    const [first] = fresh;
    const pools = fresh.map(({ pool }) => poolKey(pool));
    await appendEvent(transaction, {
      ...event,
      type: 'market.quarantined',
      message: `${fresh.length} prices in ${provider}:${region} cannot be true and are not ranked: ${inWords(pools)} (${first?.reason ?? ''})`,
      data: { provider, region, pools },
    });
  }
  if (judged.released.length > 0) {
    const pools = judged.released.map(({ pool }) => poolKey(pool));
    await appendEvent(transaction, {
      ...event,
      type: 'market.released',
      message: `${pools.length} prices in ${provider}:${region} are believed after ${SIGHTINGS_TO_RELEASE} readings that told the same: ${inWords(pools)}`,
      data: { provider, region, pools },
    });
  }
}

function inWords(pools: readonly string[]): string {
  const more = pools.length - POOLS_IN_WORDS;
  return `${pools.slice(0, POOLS_IN_WORDS).join(', ')}${more > 0 ? `, and ${more} more` : ''}`;
}
