-- Interruptions, call backs of machines, the sweep's findings, and purchases of capacity blocks.

-- What a lease that is being taken back, or is no longer wanted for a special reason, says of itself; and until when it drains.
alter table leases add column unwanted_reason text;
alter table leases add column drain_until timestamptz;
-- True = the cloud has said that the machine is taken already.
alter table leases add column taken boolean not null default false;
create index leases_instance on leases (provider, region, instance_id) where state not in ('gone', 'failed');

-- The token of a machine's call back: kept as it is only while the launch may have to be sent again word for word, as a hash ever after.
alter table attempts add column callback_token text;
alter table attempts add column callback_token_hash text;
alter table attempts add constraint attempts_callback_token
  check (callback_token is null or (callback_token_hash is not null and state in ('written', 'sent')));

-- Where each provider's interruption notices have been read to. Written in the transaction that stores the notices.
create table interruption_cursors (
  provider text primary key,
  notice_cursor text,
  polled_at timestamptz,
  error text,
  claim text,
  claimed_until timestamptz
);

create table interruption_notices (
  -- Of the lease, the kind and what makes one notice of that kind another: the same notice told twice is one row.
  notice_key text collate "C" primary key,
  lease_id text collate "C" not null references leases (id),
  provider text not null,
  region text not null,
  instance_id text not null,
  kind text not null check (kind in ('notice', 'risk', 'taken', 'maintenance')),
  source text not null check (source in ('cloud', 'machine')),
  noticed_at timestamptz not null,
  deadline_at timestamptz,
  received_at timestamptz not null,
  message text not null
);
create index interruption_notices_lease on interruption_notices (lease_id);

-- What carries our owner tag and no lease accounts for: machines, and what failed launches left behind.
create table leftovers (
  provider text not null,
  region text not null,
  kind text not null check (kind in ('machine', 'disk', 'network-interface', 'address')),
  cloud_id text not null,
  zone text,
  attempt_id text collate "C",
  -- Of a lease of ours that is final; null = nobody here knows it.
  lease_id text collate "C",
  created_at timestamptz,
  first_seen_at timestamptz not null,
  last_seen_at timestamptz not null,
  state text not null check (state in ('waiting', 'reported', 'removing')),
  error text,
  primary key (provider, region, kind, cloud_id)
);

-- How the last sweep of each region ended. Only a complete one proves that nothing else is there.
create table sweeps (
  provider text not null,
  region text not null,
  subject text not null check (subject in ('machines', 'leftovers')),
  outcome text not null check (outcome in ('complete', 'partial', 'failed')),
  swept_at timestamptz not null,
  complete_at timestamptz,
  error text,
  primary key (provider, region, subject)
);

create table capacity_block_purchases (
  -- Also the key that is written on the reservation.
  id text collate "C" primary key,
  provider text not null,
  block jsonb not null,
  block_id text not null,
  -- As it was asked for: what the same block is looked up by again.
  duration_hours integer not null,
  max_price_micro_usd bigint not null,
  note text,
  state text not null check (state in
    ('awaiting-approval', 'approved', 'sending', 'unknown', 'bought', 'not-bought', 'rejected', 'refused')),
  state_reason text,
  reservation_id text,
  requested_at timestamptz not null,
  decided_at timestamptz,
  sent_at timestamptz,
  settled_at timestamptz,
  asked_at timestamptz,
  check ((state = 'bought') = (reservation_id is not null))
);
-- One open request for one block: asking twice is asking once.
create unique index capacity_block_purchases_open on capacity_block_purchases (provider, block_id)
  where state in ('awaiting-approval', 'approved', 'sending', 'unknown');

-- A refusal may speak of one reservation alone.
alter table sold_outs add column reservation text;
