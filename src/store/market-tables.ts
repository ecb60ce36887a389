import type { Generated } from 'kysely';
import type { Architecture, Availability, Quota, QuotaClaim } from '../domain/offer.ts';
import type { Market } from '../domain/pool.ts';
import type { Json, PoolColumns } from './table-columns.ts';

export interface OffersTable extends PoolColumns {
  pool_key: string;
  zone_physical_id: string | null;
  accelerator: string;
  accelerator_count: number;
  vcpu_count: number;
  memory_gib: number;
  architecture: Architecture;
  price_micro_usd_per_hour: number;
  availability: Availability;
  available_count: number | null;
  quota_claims: Json<readonly QuotaClaim[]>;
  interruptions_per_hour: number;
  observed_at: Date;
}

export interface PriceHistoryTable {
  pool_key: string;
  observed_at: Date;
  price_micro_usd_per_hour: number;
  availability: Availability;
}

export interface SoldOutsTable {
  scope_key: string;
  provider: string;
  region: string | null;
  zone: string | null;
  instance_type: string | null;
  market: Market | null;
  quota: string | null;
  reservation: Generated<string | null>;
  refused_at: Date;
  until: Date;
  strikes: number;
  reason: string;
  code: string;
}

export interface PoolOutcomesTable {
  pool_key: string;
  successes: number;
  refusals: number;
  updated_at: Date;
}

export interface QuotasTable {
  quota_key: string;
  provider: string;
  region: string | null;
  name: string;
  unit: Quota['unit'];
  quota_limit: number | null;
  quota_usage: number | null;
  observed_at: Date;
}

export interface ProviderRegionsTable {
  provider: string;
  region: string;
  kind: RegionReadKind;
  observed_at: Date | null;
  attempted_at: Date | null;
  error: string | null;
  error_kind: string | null;
  failures: Generated<number>;
  retry_at: Date | null;
  item_count: Generated<number>;
  claimed_until: Date | null;
}

/** What is read of a region, each on a schedule of its own. */
export type RegionReadKind = 'offers' | 'quotas';

export interface QuarantinedPricesTable extends PoolColumns {
  pool_key: string;
  price_micro_usd_per_hour: number | null;
  reference_micro_usd_per_hour: number | null;
  reason: string;
  first_seen_at: Date;
  last_seen_at: Date;
  sightings: number;
}

export interface AcceptedPricesTable {
  pool_key: string;
  price_micro_usd_per_hour: number;
  accepted_at: Date;
}

export interface CapacityAdviceTable {
  pool_key: string;
  provider: string;
  region: string;
  obtainability: number | null;
  interruptions_per_hour: number | null;
  words: string;
  observed_at: Date | null;
  asked_at: Date;
}

export interface ProviderSuspensionsTable {
  provider: string;
  since: Date;
  until: Date;
  reason: string;
}
