-- Maintenance windows and silences: when and about what alarms are told to nobody.
create table maintenance_windows (
  id uuid primary key,
  organisation_id uuid not null references organisations (id) on delete cascade,
  title text not null,
  note text,
  silence boolean not null default false,
  -- IANA zone: of the wall clock a recurrence goes by, or the one people read the times in.
  zone text not null,
  -- Once: from and to. Recurring: nothing begins before or after these.
  begins_at timestamptz not null,
  ends_at timestamptz,
  rrule text,
  cron text,
  duration_seconds integer check (duration_seconds >= 60),
  -- No place named is every place, no kind named is every kind.
  everything boolean not null default false,
  site_ids uuid[] not null default '{}',
  group_ids uuid[] not null default '{}',
  device_ids text[] not null default '{}',
  kinds text[] not null default '{}',
  record boolean not null,
  notify boolean not null,
  created_by text not null,
  created_at timestamptz not null,
  changed_at timestamptz not null,
  cancelled_at timestamptz,
  cancelled_by text,
  -- Counts up with each change, so that a memory of it can tell the newer from the older.
  version integer not null default 1,
  -- When it ends by its plan, or was cancelled; null: it has no end. What is over is not kept in memory.
  over_at timestamptz,
  check (rrule is null or cron is null),
  check ((rrule is null and cron is null) = (duration_seconds is null)),
  check (duration_seconds is not null or ends_at > begins_at),
  check (everything or site_ids <> '{}' or group_ids <> '{}' or device_ids <> '{}' or kinds <> '{}')
);
create index maintenance_windows_organisation_id_created_at_idx on maintenance_windows (organisation_id, created_at desc, id desc);
create index maintenance_windows_over_at_idx on maintenance_windows (over_at);
select protect_rows('maintenance_windows');

-- What began, once per occurrence whatever the number of servers.
create table window_occurrences (
  window_id uuid not null references maintenance_windows (id) on delete cascade,
  organisation_id uuid not null,
  began_at timestamptz not null,
  -- By the plan, as it was when this was written.
  ends_at timestamptz not null,
  -- Ended by somebody before its time.
  cut_at timestamptz,
  ended_at timestamptz,
  primary key (window_id, began_at)
);
create unique index window_occurrences_open_key on window_occurrences (window_id) where ended_at is null;
select protect_rows('window_occurrences', 'window_id', 'maintenance_windows');
