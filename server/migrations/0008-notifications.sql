create table notification_targets (
  id uuid primary key,
  organisation_id uuid not null references organisations (id),
  -- Whose own it is: nobody else sees or changes it, and it goes when they leave. Null: the organisation's.
  person_id uuid,
  kind text not null
    check (kind in ('webhook', 'discord', 'email', 'slack', 'teams', 'telegram', 'ntfy', 'pushover', 'gotify', 'apprise', 'push', 'inbox')),
  name text not null,
  -- Where to and with which key, as its kind wants it: addresses of chats carry their key in the path. Sealed at rest, masked in lists.
  -- Null: an inbox, which is here.
  settings_sealed bytea check (settings_sealed is not null or kind = 'inbox'),
  -- What webhooks are signed with; sealed as well, shown once.
  secret_sealed bytea,
  address_masked text not null,
  -- Of a browser's subscription, so that the same one is not kept twice.
  address_hash bytea,
  min_severity text not null check (min_severity in ('info', 'warning', 'minor', 'major', 'critical')),
  enabled boolean not null default true,
  -- Its own words, where it has some.
  title_template text,
  body_template text,
  -- The circuit breaker: failed tries since the last that worked; since when nothing is sent; when the next probe may go out.
  failures integer not null default 0,
  opened_at timestamptz,
  probe_at timestamptz,
  -- It asked for time: nothing goes there before.
  held_until timestamptz,
  -- Since when people know that it fails.
  failing_since timestamptz,
  worked_at timestamptz,
  created_at timestamptz not null default now(),
  foreign key (organisation_id, person_id) references memberships (organisation_id, person_id) on delete cascade
);
create index notification_targets_organisation_id_idx on notification_targets (organisation_id);
create index notification_targets_person_id_idx on notification_targets (person_id);
create unique index notification_targets_address_hash_key on notification_targets (person_id, organisation_id, address_hash);
-- Everybody has one inbox, made when there is something to tell; it is in no list of targets.
create unique index notification_targets_inbox_key on notification_targets (organisation_id, person_id) where kind = 'inbox';

create table deliveries (
  id uuid primary key,
  -- Order in which they were made; ids of one millisecond do not tell it.
  position bigint generated always as identity,
  organisation_id uuid not null,
  target_id uuid references notification_targets (id) on delete set null,
  target_name text not null,
  kind text not null,
  -- Whose own target it is for.
  person_id uuid references people (id) on delete set null,
  alarm_id uuid references alarms (id) on delete set null,
  -- The fact this tells of; with the target it is told once.
  event_id uuid,
  what text not null,
  body jsonb not null,
  state text not null check (state in ('waiting', 'delivered', 'failed')),
  -- Tries since it was made or sent again.
  attempts integer not null default 0,
  -- Nothing is sent before; until then it holds up nobody.
  not_before timestamptz,
  next_try_at timestamptz,
  -- A server is at it until then; if it dies, another one takes over.
  leased_until timestamptz,
  created_at timestamptz not null default now(),
  settled_at timestamptz,
  unique (event_id, target_id)
);
create index deliveries_organisation_id_created_at_idx on deliveries (organisation_id, created_at desc, id);
create index deliveries_next_try_at_idx on deliveries (next_try_at) where state = 'waiting';
create index deliveries_target_id_alarm_id_waiting_idx on deliveries (target_id, alarm_id, position) where state = 'waiting';
create index deliveries_target_id_next_try_at_waiting_idx on deliveries (target_id, next_try_at, position) where state = 'waiting';
create index deliveries_target_id_leased_idx on deliveries (target_id) where state = 'waiting' and leased_until is not null;
create index deliveries_organisation_id_failed_idx on deliveries (organisation_id, target_id) where state = 'failed';
create index deliveries_alarm_id_idx on deliveries (alarm_id);
create index deliveries_target_id_idx on deliveries (target_id);
create index deliveries_person_id_idx on deliveries (person_id);

create table delivery_attempts (
  id uuid primary key,
  organisation_id uuid not null,
  delivery_id uuid not null references deliveries (id) on delete cascade,
  at timestamptz not null,
  outcome text not null check (outcome in ('delivered', 'failed')),
  status integer,
  code text,
  duration_ms double precision not null,
  -- When it is tried again; null: it is over.
  next_try_at timestamptz
);
create index delivery_attempts_delivery_id_idx on delivery_attempts (delivery_id, at);
create index delivery_attempts_organisation_id_at_idx on delivery_attempts (organisation_id, outcome, at);

-- What people were told, in the app: one row for a notice and a person.
create table inbox_entries (
  -- Of the message that the planner made: it is written with the plan, and once.
  id uuid primary key,
  organisation_id uuid not null,
  person_id uuid not null,
  what text not null,
  -- The worst of what is not over; null where nothing is.
  severity text check (severity in ('info', 'warning', 'minor', 'major', 'critical')),
  title text not null,
  text text not null,
  -- How many alarms it tells of.
  count integer not null,
  -- Of an entry about a single alarm.
  alarm_id uuid references alarms (id) on delete set null,
  incident_id uuid references incidents (id) on delete set null,
  device_name text,
  site_name text,
  -- Every device it tells of: it is shown while all of them may be seen.
  device_ids text[] not null,
  -- It tells of an alarm about no device too: that is for those who see the whole organisation.
  is_about_all boolean not null,
  at timestamptz not null,
  read_at timestamptz,
  archived_at timestamptz,
  foreign key (organisation_id, person_id) references memberships (organisation_id, person_id) on delete cascade
);
create index inbox_entries_person_id_at_idx on inbox_entries (person_id, organisation_id, at desc, id desc);
create index inbox_entries_unread_idx on inbox_entries (person_id, organisation_id) where read_at is null and archived_at is null;
create index inbox_entries_at_idx on inbox_entries (at);
create index inbox_entries_archived_at_idx on inbox_entries (archived_at) where archived_at is not null;
create index inbox_entries_alarm_id_idx on inbox_entries (alarm_id);
create index inbox_entries_incident_id_idx on inbox_entries (incident_id);
create index inbox_entries_device_ids_idx on inbox_entries using gin (device_ids);

-- Tokens in browser notifications that were used: each works once.
create table notification_actions (
  delivery_id uuid primary key references deliveries (id) on delete cascade,
  organisation_id uuid not null,
  used_at timestamptz not null default now()
);

-- What browsers know this installation by (VAPID); one for ever: subscriptions hang on it.
create table push_keys (
  only_one boolean primary key default true check (only_one),
  public_key text not null,
  private_sealed bytea not null,
  created_at timestamptz not null default now()
);

-- Who outside is told that all is well, and misses it when it is not.
create table dead_man_switches (
  organisation_id uuid primary key references organisations (id) on delete cascade,
  url_sealed bytea not null,
  address_masked text not null,
  method text not null check (method in ('GET', 'POST')),
  every_seconds integer not null,
  enabled boolean not null default true,
  next_beat_at timestamptz not null default now(),
  last_beat_at timestamptz,
  last_outcome text check (last_outcome in ('sent', 'failed', 'withheld')),
  last_status integer,
  last_code text,
  changed_at timestamptz not null default now()
);

-- Organisations in which no delivery has worked for a while, and since when.
create table delivery_silences (
  organisation_id uuid primary key references organisations (id) on delete cascade,
  since timestamptz not null
);

select protect_rows('notification_targets');
select protect_rows('inbox_entries');
-- Beside the organisation: what somebody lost access to since is there no more, for as long as that lasts.
create policy seen on inbox_entries as restrictive to roost_tenant using (
  (not is_about_all or (select roost_scope()) is null)
  and not exists (select from unnest(device_ids) as told (id) where not exists (select from devices d where d.id = told.id)));
select protect_rows('deliveries', 'alarm_id', 'alarms');
select protect_rows('delivery_attempts', 'delivery_id', 'deliveries');
select protect_rows('notification_actions', 'delivery_id', 'deliveries');
select protect_rows('dead_man_switches');
select protect_rows('delivery_silences');
select close_rows('push_keys');
