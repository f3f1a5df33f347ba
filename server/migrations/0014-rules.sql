create table alarm_rules (
  id uuid primary key,
  organisation_id uuid not null references organisations (id),
  device_id text not null references devices (id) on delete cascade,
  metric text not null,
  above double precision,
  below double precision,
  hysteresis double precision not null default 0,
  for_seconds double precision not null default 0,
  severity text not null check (severity in ('info', 'warning', 'minor', 'major', 'critical')),
  enabled boolean not null default true,
  created_at timestamptz not null default now(),
  changed_at timestamptz not null default now(),
  check (above is not null or below is not null),
  check (above is null or below is null or above > below)
);
create index alarm_rules_device_id_idx on alarm_rules (device_id, metric);
create index alarm_rules_organisation_id_idx on alarm_rules (organisation_id, device_id, metric, id);
select protect_rows('alarm_rules', 'device_id');
