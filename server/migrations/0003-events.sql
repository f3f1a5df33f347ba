-- A fact is a row, written in the transaction that makes it true.
create table events (
  id uuid primary key,
  organisation_id uuid not null,
  type text not null,
  noun_id text not null,
  data jsonb not null,
  at timestamptz not null default clock_timestamp(),
  -- Handlers read below the oldest transaction still open: by id alone, a slow commit would be skipped.
  xact_id xid8 not null default pg_current_xact_id()
);
create index events_xact_id_id_idx on events (xact_id, id);
create index events_organisation_id_id_idx on events (organisation_id, id);
select protect_rows('events');
-- A fact is told, and never altered or taken back by the work of people.
revoke update, delete on events from roost_tenant;

create table event_cursors (
  handler text primary key,
  xact_id xid8 not null,
  event_id uuid not null,
  moved_at timestamptz not null default now()
);
