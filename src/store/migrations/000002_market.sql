-- The market in depth: offers and quotas of a region are read on schedules of their own; prices that cannot be true are set aside;
-- what the clouds themselves say about capacity is kept for a while.

alter table provider_regions add column kind text not null default 'offers' check (kind in ('offers', 'quotas'));
alter table provider_regions drop constraint provider_regions_pkey;
alter table provider_regions add primary key (provider, region, kind);
alter table provider_regions alter column kind drop default;
alter table provider_regions rename column offer_count to item_count;
alter table provider_regions add column failures integer not null default 0;
alter table provider_regions add column error_kind text;
alter table provider_regions add column retry_at timestamptz;

create table quarantined_prices (
  pool_key text collate "C" primary key,
  provider text not null,
  region text not null,
  zone text,
  instance_type text not null,
  market text not null check (market in ('on-demand', 'spot', 'reserved')),
  reservation text,
  -- Null where the cloud's price was no amount above zero.
  price_micro_usd_per_hour bigint,
  -- What it was compared with.
  reference_micro_usd_per_hour bigint,
  reason text not null,
  first_seen_at timestamptz not null,
  last_seen_at timestamptz not null,
  -- Readings in a row that told the same price.
  sightings integer not null
);
create index quarantined_prices_region on quarantined_prices (provider, region);

-- Prices out of band that were found to be true: what the pool is compared with from then on.
create table accepted_prices (
  pool_key text collate "C" primary key,
  price_micro_usd_per_hour bigint not null,
  accepted_at timestamptz not null
);

create table capacity_advice (
  pool_key text collate "C" primary key,
  provider text not null,
  region text not null,
  obtainability double precision,
  interruptions_per_hour double precision,
  words text not null,
  -- Null where the cloud had no word on the pool.
  observed_at timestamptz,
  -- When the cloud was asked last, answered or not: asking is rationed.
  asked_at timestamptz not null
);
create index capacity_advice_provider on capacity_advice (provider);
