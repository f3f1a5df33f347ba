-- People who take turns to be there when something is wrong.
create table on_call_schedules (
  id uuid primary key,
  organisation_id uuid not null references organisations (id) on delete cascade,
  name text not null,
  time_zone text not null,
  -- HH:MM by the clocks of the zone.
  hand_over_time text not null,
  shift text not null check (shift in ('daily', 'weekly', 'custom')),
  -- 1 is Monday; of weekly shifts alone.
  hand_over_day integer check (hand_over_day between 1 and 7),
  shift_hours integer check (shift_hours between 1 and 720),
  -- A day of the zone's calendar, not a moment.
  starts_on text not null,
  created_at timestamptz not null default now(),
  check ((shift = 'custom') = (shift_hours is not null)),
  check ((shift = 'weekly') = (hand_over_day is not null))
);
create unique index on_call_schedules_organisation_id_name_key on on_call_schedules (organisation_id, lower(name));
select protect_rows('on_call_schedules');

-- Whose turn is how manieth. Who leaves the organisation keeps their turn, and the next one stands in: else everybody's turns would shift.
create table on_call_members (
  schedule_id uuid not null references on_call_schedules (id) on delete cascade,
  organisation_id uuid not null references organisations (id) on delete cascade,
  position integer not null,
  person_id uuid not null references people (id) on delete cascade,
  primary key (schedule_id, position),
  unique (schedule_id, person_id)
);
create index on_call_members_person_id_idx on on_call_members (person_id);
select protect_rows('on_call_members');

create table on_call_overrides (
  id uuid primary key,
  organisation_id uuid not null references organisations (id) on delete cascade,
  schedule_id uuid not null references on_call_schedules (id) on delete cascade,
  person_id uuid not null references people (id) on delete cascade,
  from_at timestamptz not null,
  to_at timestamptz not null,
  reason text not null,
  created_by text not null,
  created_at timestamptz not null default now(),
  check (from_at < to_at)
);
create index on_call_overrides_schedule_id_idx on on_call_overrides (schedule_id, to_at);
create index on_call_overrides_person_id_idx on on_call_overrides (person_id);
select protect_rows('on_call_overrides');

-- Secret addresses of the calendar; the address itself is not kept.
create table on_call_feeds (
  id uuid primary key,
  organisation_id uuid not null references organisations (id) on delete cascade,
  schedule_id uuid references on_call_schedules (id) on delete cascade,
  name text not null,
  -- SHA-256 of 32 random bytes that only the address carries.
  token_hash bytea not null unique,
  created_at timestamptz not null default now(),
  last_read_at timestamptz
);
create index on_call_feeds_organisation_id_idx on on_call_feeds (organisation_id, id);
select protect_rows('on_call_feeds');
