create table alarm_rules (
  id uuid primary key,
  organisation_id uuid not null references organisations (id),
  device_id text not null references devices (id) on delete cascade,
  metric text not null,
  above double precision,
  below double precision,
  hysteresis double precision not null default 0,
  for_seconds double precision not null default 0,
  severity text not null check (severity in ('info', 'warning', 'critical')),
  enabled boolean not null default true,
  created_at timestamptz not null default now(),
  changed_at timestamptz not null default now(),
  check (above is not null or below is not null),
  check (above is null or below is null or above > below)
);
create index alarm_rules_device_id_idx on alarm_rules (device_id, metric);
create index alarm_rules_organisation_id_idx on alarm_rules (organisation_id, device_id, metric, id);

create table alarms (
  id uuid primary key,
  organisation_id uuid not null references organisations (id),
  device_id text not null references devices (id) on delete cascade,
  rule_id uuid references alarm_rules (id) on delete set null,
  kind text not null check (kind in ('above', 'below', 'offline')),
  severity text not null check (severity in ('info', 'warning', 'critical')),
  state text not null check (state in ('raised', 'acknowledged', 'cleared')),
  metric text,
  threshold double precision,
  value double precision,
  raised_at timestamptz not null,
  acknowledged_at timestamptz,
  acknowledged_by text,
  cleared_at timestamptz,
  -- The fact that raised it, where a fact did (offline): the same fact handled twice raises once.
  event_id uuid unique
);
-- One open alarm per device, metric and direction, whatever the number of servers.
create unique index alarms_open_key on alarms (device_id, kind, coalesce(metric, ''), coalesce(rule_id, '00000000-0000-0000-0000-000000000000')) where state <> 'cleared';
-- Serves the list: open ones first, then newest first.
create index alarms_organisation_id_open_raised_at_idx on alarms (organisation_id, (state <> 'cleared'), raised_at, id);
create index alarms_rule_id_idx on alarms (rule_id);
create index alarms_device_id_idx on alarms (device_id);

create table alarm_entries (
  id uuid primary key,
  organisation_id uuid not null,
  alarm_id uuid not null references alarms (id) on delete cascade,
  at timestamptz not null default clock_timestamp(),
  what text not null check (what in ('raised', 'acknowledged', 'cleared', 'notified', 'notify_failed')),
  by text,
  value double precision,
  detail text
);
create index alarm_entries_alarm_id_idx on alarm_entries (alarm_id, at, id);

select protect_rows('alarm_rules', 'device_id');
select protect_rows('alarms', 'device_id');
select protect_rows('alarm_entries', 'alarm_id', 'alarms');
