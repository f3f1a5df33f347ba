create table notification_targets (
  id uuid primary key,
  organisation_id uuid not null references organisations (id),
  kind text not null check (kind in ('webhook', 'discord', 'email', 'slack', 'teams', 'telegram', 'ntfy', 'pushover', 'gotify', 'apprise')),
  name text not null,
  -- Where to and with which key, as its kind wants it: addresses of chats carry their key in the path. Sealed at rest, masked in lists.
  settings_sealed bytea not null,
  -- What webhooks are signed with; sealed as well, shown once.
  secret_sealed bytea,
  address_masked text not null,
  min_severity text not null check (min_severity in ('info', 'warning', 'critical')),
  enabled boolean not null default true,
  created_at timestamptz not null default now()
);
create index notification_targets_organisation_id_idx on notification_targets (organisation_id);

create table deliveries (
  id uuid primary key,
  -- Order in which they were made; ids of one millisecond do not tell it.
  position bigint generated always as identity,
  organisation_id uuid not null,
  target_id uuid references notification_targets (id) on delete set null,
  target_name text not null,
  alarm_id uuid references alarms (id) on delete set null,
  -- The fact this tells of; with the target it is told once.
  event_id uuid,
  what text not null,
  body jsonb not null,
  state text not null check (state in ('waiting', 'delivered', 'failed')),
  attempts integer not null default 0,
  next_try_at timestamptz,
  -- A server is at it until then; if it dies, another one takes over.
  leased_until timestamptz,
  created_at timestamptz not null default now(),
  unique (event_id, target_id)
);
create index deliveries_organisation_id_created_at_idx on deliveries (organisation_id, created_at desc, id);
create index deliveries_next_try_at_idx on deliveries (next_try_at) where state = 'waiting';
create index deliveries_target_id_alarm_id_waiting_idx on deliveries (target_id, alarm_id, position) where state = 'waiting';
create index deliveries_alarm_id_idx on deliveries (alarm_id);
create index deliveries_target_id_idx on deliveries (target_id);

create table delivery_attempts (
  id uuid primary key,
  organisation_id uuid not null,
  delivery_id uuid not null references deliveries (id) on delete cascade,
  at timestamptz not null,
  outcome text not null check (outcome in ('delivered', 'failed')),
  status integer,
  code text,
  duration_ms double precision not null
);
create index delivery_attempts_delivery_id_idx on delivery_attempts (delivery_id, at);

select protect_rows('notification_targets');
select protect_rows('deliveries', 'alarm_id', 'alarms');
select protect_rows('delivery_attempts', 'delivery_id', 'deliveries');
