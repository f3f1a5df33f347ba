-- The work on alarms: one ticket for each, for good.
create table tickets (
  id uuid primary key,
  organisation_id uuid not null references organisations (id),
  -- One ticket for each alarm, whoever asks, and however many at once.
  alarm_id uuid not null unique references alarms (id) on delete cascade,
  title text not null check (length(title) between 1 and 300),
  kind text not null check (kind in ('fault', 'outage', 'maintenance')),
  priority text not null check (priority in ('low', 'normal', 'high', 'urgent')),
  status text not null check (status in ('open', 'in_progress', 'waiting', 'resolved', 'closed')),
  assigned_to text,
  external_reference text check (length(external_reference) between 1 and 200),
  created_at timestamptz not null,
  created_by text not null,
  changed_at timestamptz not null,
  first_response_at timestamptz,
  resolved_at timestamptz,
  closed_at timestamptz,
  respond_by timestamptz not null,
  resolve_by timestamptz not null,
  -- Its history tells that it was late, once.
  response_late_noted boolean not null default false,
  resolution_late_noted boolean not null default false,
  check ((resolved_at is null) = (status not in ('resolved', 'closed'))),
  check ((closed_at is null) = (status <> 'closed'))
);
create index tickets_organisation_id_created_at_idx on tickets (organisation_id, created_at, id);
create index tickets_organisation_id_resolve_by_idx on tickets (organisation_id, resolve_by, id) where resolved_at is null;
-- What is late and nobody was told of.
create index tickets_respond_by_idx on tickets (respond_by) where first_response_at is null and not response_late_noted;
create index tickets_resolve_by_idx on tickets (resolve_by) where resolved_at is null and not resolution_late_noted;
select protect_rows('tickets', 'alarm_id', 'alarms');

-- Goes with its alarm to another organisation, where neither the person nor the other system is known.
create function roost_ticket_moved() returns trigger language plpgsql as $$
begin
  new.assigned_to := null;
  new.external_reference := null;
  return new;
end
$$;
create trigger tickets_moved before update of organisation_id on tickets
  for each row when (old.organisation_id is distinct from new.organisation_id) execute function roost_ticket_moved();

create table ticket_entries (
  -- Of what a fact told: the fact's own id, so that the same one twice is written once.
  id uuid primary key,
  position bigint generated always as identity,
  organisation_id uuid not null,
  ticket_id uuid not null references tickets (id) on delete cascade,
  at timestamptz not null default clock_timestamp(),
  what text not null check (what in ('created', 'moved', 'assigned', 'message', 'changed', 'late', 'alarm')),
  by text,
  status text,
  detail text,
  -- What another system knows a message by.
  key text check (length(key) between 1 and 200),
  unique (ticket_id, key)
);
create index ticket_entries_ticket_id_idx on ticket_entries (ticket_id, at, position);
select protect_rows('ticket_entries', 'ticket_id', 'tickets');
-- What was done and said stays as it was.
revoke update, delete on ticket_entries from roost_tenant;

-- Other ticket systems hear of tickets by webhooks of their own: signed, tried again and on record like all others. Such a target hears of
-- tickets and of nothing else.
alter table notification_targets add column hears text not null default 'alarms' check (hears in ('alarms', 'tickets'));
alter table notification_targets add check (hears = 'alarms' or (kind = 'webhook' and person_id is null));
create index notification_targets_hears_tickets_idx on notification_targets (organisation_id) where hears = 'tickets';
