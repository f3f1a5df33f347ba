-- What is promised of services, and whether it is kept.
create table service_levels (
  id uuid primary key,
  organisation_id uuid not null references organisations (id) on delete cascade,
  name text not null check (length(name) between 1 and 100),
  service_type text check (length(service_type) between 1 and 100),
  availability_percent double precision not null check (availability_percent between 0 and 100),
  period_days integer not null check (period_days between 1 and 365),
  response_minutes integer not null check (response_minutes > 0),
  resolution_minutes integer not null check (resolution_minutes >= response_minutes),
  -- By severity: {"critical": {"responseMinutes": 15, "resolutionMinutes": 240}}.
  by_severity jsonb not null,
  -- {"timeZone": "Europe/Berlin", "hours": [{"days": ["mon"], "from": "08:00", "to": "17:00"}]}; null: day and night.
  business_hours jsonb,
  exclude_maintenance boolean not null,
  created_at timestamptz not null,
  changed_at timestamptz not null
);
create index service_levels_organisation_id_idx on service_levels (organisation_id, lower(name), id);
select protect_rows('service_levels');

create table services (
  id uuid primary key,
  organisation_id uuid not null references organisations (id) on delete cascade,
  service_level_id uuid not null references service_levels (id),
  name text not null check (length(name) between 1 and 100),
  customer text check (length(customer) between 1 and 200),
  -- What carries it. Of what is gone, or another organisation's by now, nothing is found any more.
  device_ids text[] not null default '{}',
  group_ids uuid[] not null default '{}',
  site_ids uuid[] not null default '{}',
  -- Alarms that are an outage.
  outage_severities text[] not null,
  outage_kinds text[] not null,
  -- Percent given back.
  credit_breached double precision not null check (credit_breached between 0 and 100),
  credit_critical double precision not null check (credit_critical between 0 and 100),
  since timestamptz not null,
  created_at timestamptz not null,
  changed_at timestamptz not null,
  check (device_ids <> '{}' or group_ids <> '{}' or site_ids <> '{}'),
  check (outage_severities <> '{}' or outage_kinds <> '{}')
);
create index services_organisation_id_idx on services (organisation_id, lower(name), id);
create index services_service_level_id_idx on services (service_level_id);
select protect_rows('services');

create table service_breaches (
  id uuid primary key,
  organisation_id uuid not null,
  service_id uuid not null references services (id) on delete cascade,
  type text not null check (type in ('availability', 'response_time', 'resolution_time')),
  severity text not null check (severity in ('breached', 'critical')),
  from_at timestamptz not null,
  to_at timestamptz not null,
  found_at timestamptz not null,
  ended_at timestamptz,
  -- As it was promised then, and the worst that became of it: percent, or minutes.
  target double precision not null,
  actual double precision not null,
  -- No reference: an alarm goes with its device, and that a promise was broken stays.
  alarm_id uuid,
  check ((alarm_id is null) = (type = 'availability'))
);
-- Found once, whatever the number of servers and however often they start.
create unique index service_breaches_open_availability_key on service_breaches (service_id) where type = 'availability' and ended_at is null;
create unique index service_breaches_alarm_key on service_breaches (service_id, type, alarm_id) where alarm_id is not null;
create index service_breaches_organisation_id_idx on service_breaches (organisation_id, found_at, id);
create index service_breaches_service_id_idx on service_breaches (service_id, found_at, id);
select protect_rows('service_breaches', 'service_id', 'services');

-- When this installation ran and could see what is down. Of other times it knows that something was down at most, never that it was up.
create table watched_spans (
  began_at timestamptz primary key,
  until_at timestamptz not null check (until_at >= began_at)
);
create index watched_spans_until_at_idx on watched_spans (until_at);
select close_rows('watched_spans');
