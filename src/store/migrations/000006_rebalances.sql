-- Moves of running leases that would pay, as they were proposed; and when the broker last looked for any.

create table rebalances (
  id text collate "C" primary key,
  created_at timestamptz not null,
  -- When a look last came to the very same.
  confirmed_at timestamptz not null,
  expires_at timestamptz not null,
  state text not null check (state in ('proposed', 'superseded', 'expired')),
  state_reason text,
  policies jsonb not null,
  fleet_revision bigint not null,
  rebalance jsonb not null,
  -- SHA-256 of what would move, and of the figures.
  content_hash text not null,
  workload_names jsonb not null,
  planner_version text not null
);
-- One proposal at a time, whichever process makes it.
create unique index rebalances_proposed on rebalances (state) where state = 'proposed';
create index rebalances_state on rebalances (state, id);

-- One row: of several processes one looks, and not more often than it is due.
create table rebalance_looks (
  only_row boolean primary key default true check (only_row),
  looked_at timestamptz,
  -- Of everything the look depended on; another one is worth a look.
  fingerprint text,
  claim text,
  claimed_until timestamptz
);
insert into rebalance_looks default values;
