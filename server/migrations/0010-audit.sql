-- Who did what: written in the transaction that does it, never changed afterwards.
create table audit_entries (
  id uuid primary key,
  -- Null: the platform's own.
  organisation_id uuid,
  at timestamptz not null,
  actor_kind text not null check (actor_kind in ('person', 'token', 'device', 'system')),
  actor_id text not null,
  actor_name text not null,
  action text not null,
  object_kind text not null,
  object_id text not null,
  object_name text,
  -- Only what changed. `json` and not `jsonb`: the text itself is under the MAC, so that not one digit changes unseen.
  before json,
  after json,
  outcome text not null check (outcome in ('done', 'refused')),
  remote_address text,
  user_agent text,
  correlation_id text,
  -- Over all of the above with the installation's audit key: a row that somebody else wrote is none of ours.
  mac bytea not null,
  -- Set where somebody was erased: over the hash above, which the chain binds, and what stands in the row since.
  erased_mac bytea,
  -- The chain takes rows up in this order, below the oldest transaction still open.
  xact_id xid8 not null default pg_current_xact_id()
);
create index audit_entries_organisation_id_at_idx on audit_entries (organisation_id, at desc, id desc);
create index audit_entries_organisation_id_object_idx on audit_entries (organisation_id, object_kind, object_id, at desc, id desc);
create index audit_entries_xact_id_id_idx on audit_entries (xact_id, id);
select protect_rows('audit_entries');
revoke update, delete on audit_entries from roost_tenant;

-- The chain: one link per entry, in the order in which they were taken up. It stays when its entry's time is over.
create table audit_links (
  position bigint primary key check (position > 0),
  entry_id uuid not null unique,
  -- Of the entry: whether it was its time to go can be told when it is gone.
  organisation_id uuid,
  at timestamptz not null,
  entry_mac bytea not null,
  previous bytea not null,
  mac bytea not null
);
select close_rows('audit_links');

-- Where the chain ends, and up to where entries were taken up. One row, locked by the server that is at it.
create table audit_chain (
  id smallint primary key default 1 check (id = 1),
  position bigint not null,
  mac bytea not null,
  xact_id xid8 not null,
  entry_id uuid not null
);
insert into audit_chain (position, mac, xact_id, entry_id) values (0, decode(repeat('00', 32), 'hex'), '0', '00000000-0000-0000-0000-000000000000');
select close_rows('audit_chain');

-- Signed: the chain was this long and ended like this at that time.
create table audit_checkpoints (
  -- `cut`: what lies before was taken away because its time was over; the chain begins after it.
  kind text not null check (kind in ('head', 'cut')),
  position bigint not null,
  mac bytea not null,
  at timestamptz not null,
  signature bytea not null,
  primary key (position, kind)
);
select close_rows('audit_checkpoints');

-- Everything of an organisation before this instant was taken out of the trail. Under a MAC: nobody else can say so.
create table audit_retirements (
  id uuid primary key,
  organisation_id uuid,
  retired_before timestamptz not null,
  at timestamptz not null,
  mac bytea not null
);
create index audit_retirements_organisation_id_idx on audit_retirements (organisation_id, retired_before);
select close_rows('audit_retirements');

-- What was taken out: lines of JSON, packed, in the form of the export; kept much longer.
create table audit_archives (
  id uuid primary key,
  organisation_id uuid,
  from_at timestamptz not null,
  to_at timestamptz not null,
  entries integer not null,
  content bytea not null,
  mac bytea not null,
  made_at timestamptz not null
);
create index audit_archives_organisation_id_from_at_idx on audit_archives (organisation_id, from_at);
select close_rows('audit_archives');

-- Days the trail and its archive are kept belong to the one place of such policies.
alter table retention_policies drop constraint retention_policies_kind_check;
alter table retention_policies add constraint retention_policies_kind_check
  check (kind in ('samples', 'hours', 'days', 'rejects', 'events', 'audit', 'audit_archive'));
alter table retention_policies drop constraint retention_policies_days_check;
-- An archive of no days is none.
alter table retention_policies add constraint retention_policies_days_check check (days > 0 or (kind = 'audit_archive' and days = 0));

-- The key of MACs and signatures, sealed with the installation's key.
create table audit_keys (
  id text primary key,
  sealed bytea not null,
  made_at timestamptz not null default now()
);
select close_rows('audit_keys');
