-- The whole schema of version 0.1. Runs unchanged on PostgreSQL 15 and later and on the embedded engine.
-- Rules for every migration: append-only (an applied file is never edited), each statement ends with a semicolon at the end of a line
-- and holds none at the end of any other line, and nothing that cannot run inside a transaction.
-- Ids are text (lower-case ULIDs chosen by the caller), so sorting by id is sorting by age; the C collation makes that exact.

create table fleet (
  only_row boolean primary key default true check (only_row),
  revision bigint not null
);
insert into fleet (revision) values (0);

create table workloads (
  id text collate "C" primary key,
  team text not null,
  name text not null,
  spec jsonb not null,
  generation integer not null,
  state text not null check (state in ('pending', 'placed', 'held', 'deleting', 'deleted')),
  hold_reasons jsonb not null,
  priority double precision not null,
  created_at timestamptz not null,
  updated_at timestamptz not null,
  deleted_at timestamptz,
  check ((state = 'deleted') = (deleted_at is not null))
);
-- A name is free again as soon as its workload is being deleted.
create unique index workloads_team_name on workloads (team, name) where state not in ('deleting', 'deleted');
create index workloads_name on workloads (name);

create table plans (
  id text collate "C" primary key,
  created_at timestamptz not null,
  trigger text not null,
  policy_name text not null,
  policy_version integer not null,
  elapsed_ms double precision not null,
  packed_input bytea not null,
  plan jsonb not null,
  workload_names jsonb not null,
  carried_out boolean not null
);
create index plans_created_at on plans (created_at);

create table leases (
  id text collate "C" primary key,
  workload_id text collate "C" not null references workloads (id),
  plan_id text collate "C" not null,
  replicas integer[] not null,
  part integer not null,
  part_count integer not null,
  provider text not null,
  region text not null,
  zone text,
  instance_type text not null,
  market text not null check (market in ('on-demand', 'spot', 'reserved')),
  reservation text,
  accelerator text not null,
  accelerator_count integer not null,
  price_micro_usd_per_hour bigint not null,
  adjusted_price_micro_usd_per_hour bigint not null,
  state text not null
    check (state in ('planned', 'launching', 'starting', 'ready', 'draining', 'terminating', 'gone', 'lost', 'failed')),
  state_reason text,
  instance_id text,
  attempt_id text collate "C",
  wanted boolean not null,
  not_before timestamptz not null,
  -- Set by a wake-up that arrives while someone works the lease: the worker's own next time then does not put it off.
  woken boolean not null default false,
  created_at timestamptz not null,
  updated_at timestamptz not null,
  ready_at timestamptz,
  gone_at timestamptz,
  lock_token text,
  lock_expires_at timestamptz,
  check ((lock_token is null) = (lock_expires_at is null))
);
create index leases_due on leases (not_before) where state not in ('gone', 'failed');
create index leases_live_provider on leases (provider) where state not in ('gone', 'failed');
create index leases_workload on leases (workload_id, id);
create index leases_plan on leases (plan_id);

create table attempts (
  id text collate "C" primary key,
  lease_id text collate "C" not null references leases (id),
  number integer not null,
  provider text not null,
  region text not null,
  zone text,
  instance_type text not null,
  market text not null check (market in ('on-demand', 'spot', 'reserved')),
  reservation text,
  price_micro_usd_per_hour bigint not null,
  parameters jsonb not null,
  state text not null check (state in ('written', 'sent', 'accepted', 'refused', 'failed')),
  created_at timestamptz not null,
  sent_at timestamptz,
  settled_at timestamptz,
  refusal jsonb,
  error text,
  unique (lease_id, number)
);

create table policy_versions (
  -- Grows with each load: the newest row is the policy in force.
  id bigserial primary key,
  name text not null,
  version integer not null,
  source text not null,
  policy jsonb not null,
  content_hash text not null,
  loaded_at timestamptz not null,
  unique (name, version)
);

create table offers (
  pool_key text collate "C" primary key,
  provider text not null,
  region text not null,
  zone text,
  zone_physical_id text,
  instance_type text not null,
  market text not null check (market in ('on-demand', 'spot', 'reserved')),
  reservation text,
  accelerator text not null,
  accelerator_count integer not null check (accelerator_count > 0),
  vcpu_count double precision not null,
  memory_gib double precision not null,
  architecture text not null check (architecture in ('x86_64', 'arm64')),
  price_micro_usd_per_hour bigint not null check (price_micro_usd_per_hour > 0),
  availability text not null check (availability in ('available', 'restricted')),
  available_count integer,
  quota_claims jsonb not null,
  interruptions_per_hour double precision not null,
  observed_at timestamptz not null
);
create index offers_region on offers (provider, region);

create table price_history (
  pool_key text collate "C" not null,
  observed_at timestamptz not null,
  price_micro_usd_per_hour bigint not null,
  availability text not null,
  primary key (pool_key, observed_at)
);

create table sold_outs (
  scope_key text collate "C" primary key,
  provider text not null,
  region text,
  zone text,
  instance_type text,
  market text check (market in ('on-demand', 'spot', 'reserved')),
  quota text,
  refused_at timestamptz not null,
  until timestamptz not null,
  strikes integer not null,
  reason text not null,
  code text not null
);

create table pool_outcomes (
  pool_key text collate "C" primary key,
  -- Counts that halve with every half-life, as of updated_at.
  successes double precision not null,
  refusals double precision not null,
  updated_at timestamptz not null
);

create table quotas (
  quota_key text collate "C" primary key,
  provider text not null,
  region text,
  name text not null,
  unit text not null check (unit in ('vcpus', 'accelerators', 'machines')),
  quota_limit double precision,
  quota_usage double precision,
  observed_at timestamptz not null
);

create table provider_regions (
  provider text not null,
  region text not null,
  observed_at timestamptz,
  attempted_at timestamptz,
  error text,
  offer_count integer not null default 0,
  claimed_until timestamptz,
  primary key (provider, region)
);

create table provider_suspensions (
  provider text primary key,
  since timestamptz not null,
  until timestamptz not null,
  reason text not null
);

-- Rows are written without a sequence and numbered by the first reader after their commit, so that a reader's cursor never
-- passes an event whose transaction was still open: a plain serial column would lose it.
create table events (
  id bigserial primary key,
  sequence bigint unique,
  at timestamptz not null,
  type text not null,
  workload_id text collate "C",
  lease_id text collate "C",
  message text not null,
  data jsonb not null
);
create sequence event_sequence;
create index events_unnumbered on events (id) where sequence is null;
create index events_workload on events (workload_id, sequence);
create index events_at on events (at);
