-- One metric of one device. `key` stands for (device, metric) in the big tables.
create table series (
  key integer generated always as identity primary key,
  device_key integer not null references devices (key) on delete cascade,
  organisation_id uuid not null,
  metric text not null,
  unit text not null default '1',
  kind text not null default 'number' check (kind in ('number', 'boolean')),
  min double precision,
  max double precision,
  created_at timestamptz not null default now(),
  unique (device_key, metric)
);

-- Hot samples: a row per message, arrays of its series and values, no index while a segment is written.
-- Segments are partitions: one is open; the closed ones get an index, are compacted into chunks and dropped later.
create table hot_segments (
  id integer primary key,
  opened_at timestamptz not null default now(),
  closed_at timestamptz,
  -- From this moment on its rows are in the chunks; readers skip it. Dropping the partition can wait.
  compacted_at timestamptz
);

create table hot_samples (
  segment_id integer not null,
  device_key integer not null,
  measured_at timestamptz not null,
  received_at timestamptz not null,
  -- Only where the device sends a seq and has no clock of its own: then (device, seq) tells copies apart.
  seq bigint,
  -- 0 ok, 1 suspect, 2 stale, 3 estimated; +16 where the receive time stands in for a wrong or missing clock.
  quality smallint not null,
  series_keys integer[] not null,
  sample_values double precision[] not null
) partition by list (segment_id);

-- Closed hours: one row per series and hour.
create table chunks (
  device_key integer not null,
  series_key integer not null,
  -- Start of the hour, UTC.
  hour_at timestamptz not null,
  n integer not null,
  -- Encoding of instants and values: see server/src/modules/telemetry/chunk-store.ts.
  unit_us integer not null,
  first_offset bigint not null,
  time_steps_small smallint[],
  time_steps bigint[],
  value_scale smallint,
  first_value bigint,
  value_steps_small smallint[],
  value_steps integer[],
  raw_values double precision[],
  -- Absent where all are 0.
  qualities smallint[],
  received_lag_ms integer[],
  seqs bigint[],
  primary key (device_key, series_key, hour_at)
);

create table telemetry_hours (
  device_key integer not null,
  series_key integer not null,
  hour_at timestamptz not null,
  n integer not null,
  min double precision not null,
  max double precision not null,
  sum double precision not null
);
create unique index telemetry_hours_key on telemetry_hours (device_key, series_key, hour_at) include (n, min, max, sum);

create table telemetry_days (
  device_key integer not null,
  series_key integer not null,
  -- Start of the day, UTC.
  day_at timestamptz not null,
  n integer not null,
  min double precision not null,
  max double precision not null,
  sum double precision not null
);
create unique index telemetry_days_key on telemetry_days (device_key, series_key, day_at) include (n, min, max, sum);

-- Retention as policy, per organisation; a row per kind, days; absent = kept for ever.
create table retention_policies (
  organisation_id uuid not null references organisations (id) on delete cascade,
  kind text not null check (kind in ('samples', 'hours', 'days', 'rejects', 'events')),
  days integer not null check (days > 0),
  primary key (organisation_id, kind)
);
