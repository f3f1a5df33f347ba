-- Alarms that have one cause, or are likely to: told as one, talked about in one place.
create table incidents (
  id uuid primary key,
  organisation_id uuid not null references organisations (id),
  -- What its alarms have in common: `alarm:<id>` of the root cause, `site:<id>:<kind>`, `device:<id>`, `source:<name>`.
  key text not null,
  title text not null,
  opened_at timestamptz not null,
  -- When an alarm joined it last.
  last_at timestamptz not null,
  closed_at timestamptz,
  -- No reference: rows that refer to alarms move with their device to another organisation, and this one stays.
  root_alarm_id uuid,
  root_cause text,
  resolution text
);
create index incidents_organisation_id_key_idx on incidents (organisation_id, key, last_at desc) where closed_at is null;
create index incidents_organisation_id_opened_at_idx on incidents (organisation_id, (closed_at is null), opened_at, id);
select protect_rows('incidents');

create table alarms (
  id uuid primary key,
  organisation_id uuid not null references organisations (id),
  -- Null: about no device.
  device_id text references devices (id) on delete cascade,
  -- With the type what makes it one alarm.
  source text not null check (length(source) between 1 and 200),
  type text not null check (length(type) between 1 and 200),
  rule_id uuid,
  kind text not null check (kind in ('above', 'below', 'rate', 'trend', 'anomaly', 'state', 'no_data', 'offline', 'event', 'composite', 'external', 'delivery', 'service_level')),
  severity text not null check (severity in ('info', 'warning', 'minor', 'major', 'critical')),
  -- For the order of the list: the worst first.
  rank smallint not null generated always as (case severity when 'critical' then 5 when 'major' then 4 when 'minor' then 3 when 'warning' then 2 else 1 end) stored,
  worst_severity text not null check (worst_severity in ('info', 'warning', 'minor', 'major', 'critical')),
  state text not null check (state in ('raised', 'acknowledged', 'cleared')),
  -- Whether the cause says so now. An open alarm that flaps may be quiet; a cleared one may be one that somebody cleared by hand.
  holds boolean not null,
  title text,
  text text,
  probable_cause text,
  metric text,
  threshold double precision,
  value double precision,
  raised_at timestamptz not null,
  last_at timestamptz not null,
  -- When we were last told of it, either way, by our own clock.
  turned_at timestamptz not null,
  occurrences integer not null default 1,
  flapping boolean not null default false,
  muted_by text check (muted_by in ('parent', 'window', 'snooze')),
  muted_by_id uuid,
  -- Raised in a window that records nothing: in no list, until the window is over and it still holds.
  kept_back boolean not null default false,
  snoozed_until timestamptz,
  assigned_to text,
  incident_id uuid,
  acknowledged_at timestamptz,
  acknowledged_by text,
  cleared_at timestamptz,
  root_cause text,
  resolution text,
  check (muted_by is not null or muted_by_id is null)
);
-- One open alarm per source and type, whatever the number of servers.
create unique index alarms_open_key on alarms (organisation_id, source, type) where state <> 'cleared';
-- How often something was raised lately.
create index alarms_key_raised_at_idx on alarms (organisation_id, source, type, raised_at desc);
-- Serves the list: open ones first, then newest first.
create index alarms_organisation_id_open_raised_at_idx on alarms (organisation_id, (state <> 'cleared'), raised_at, id);
-- The same, the worst first.
create index alarms_organisation_id_open_rank_idx on alarms (organisation_id, (state <> 'cleared'), rank, raised_at, id);
create index alarms_cleared_raised_at_idx on alarms (organisation_id, raised_at, id) where state = 'cleared';
create index alarms_cleared_rank_idx on alarms (organisation_id, rank, raised_at, id) where state = 'cleared';
-- Serves the counts without a look at the rows.
create index alarms_open_counts_idx on alarms (organisation_id, severity, state, muted_by, flapping) include (device_id)
  where state <> 'cleared' and not kept_back;
create index alarms_rule_id_idx on alarms (rule_id);
create index alarms_device_id_idx on alarms (device_id) where device_id is not null;
create index alarms_device_id_open_idx on alarms (device_id, kind) where state <> 'cleared';
create index alarms_incident_id_idx on alarms (incident_id);
create index alarms_muted_by_id_idx on alarms (muted_by_id) where muted_by is not null;
-- What is silent on the way to devices, or was a moment ago.
create index alarms_device_id_offline_idx on alarms (device_id, turned_at) where kind = 'offline';
create index alarms_kept_back_ended_idx on alarms (turned_at) where kept_back and state = 'cleared';
-- What waits for time to pass.
create index alarms_flapping_idx on alarms (turned_at) where flapping and state <> 'cleared';
create index alarms_snoozed_until_idx on alarms (snoozed_until) where snoozed_until is not null;

-- An alarm that goes to another organisation with its device leaves its incident.
create function roost_alarm_moved() returns trigger language plpgsql as $$
begin
  new.incident_id := null;
  new.muted_by := null;
  new.muted_by_id := null;
  return new;
end
$$;
create trigger alarms_moved before update of organisation_id on alarms
  for each row when (old.organisation_id is distinct from new.organisation_id) execute function roost_alarm_moved();

create table alarm_entries (
  -- Of what a signal turned: the signal's own id, so that the same one twice turns it once.
  id uuid primary key,
  -- Order in which they were written; ids of one millisecond do not tell it.
  position bigint generated always as identity,
  organisation_id uuid not null,
  alarm_id uuid not null references alarms (id) on delete cascade,
  at timestamptz not null default clock_timestamp(),
  what text not null check (what in ('raised', 'repeated', 'worse', 'flapping', 'muted', 'unmuted', 'acknowledged', 'unacknowledged', 'assigned',
    'commented', 'snoozed', 'cleared', 'resolved', 'ticket', 'notified', 'notify_failed')),
  by text,
  value double precision,
  detail text
);
create index alarm_entries_alarm_id_idx on alarm_entries (alarm_id, at, position);

select protect_rows('alarms', 'device_id');
select protect_rows('alarm_entries', 'alarm_id', 'alarms');

-- Who sees a part of an organisation sees what is about the devices of that part, and not what is about no device at all.
create policy of_devices on alarms as restrictive to roost_tenant using ((select roost_scope()) is null or device_id is not null);
create policy of_alarms on incidents as restrictive to roost_tenant
  using ((select roost_scope()) is null or exists (select from alarms a where a.incident_id = incidents.id));

-- What people say of an incident as a whole; what they say of one of its alarms stands with that.
create table incident_entries (
  id uuid primary key,
  position bigint generated always as identity,
  organisation_id uuid not null,
  incident_id uuid not null references incidents (id) on delete cascade,
  at timestamptz not null default clock_timestamp(),
  what text not null check (what in ('commented', 'resolved')),
  by text not null,
  detail text
);
create index incident_entries_incident_id_idx on incident_entries (incident_id, at, position);
select protect_rows('incident_entries', 'incident_id', 'incidents');

-- Filters of the list that somebody gave a name, each person's own.
create table alarm_views (
  id uuid primary key,
  organisation_id uuid not null references organisations (id),
  person_id uuid not null references people (id) on delete cascade,
  name text not null check (length(name) between 1 and 60),
  search text not null check (length(search) <= 1000),
  unique (organisation_id, person_id, name)
);
select protect_rows('alarm_views');
