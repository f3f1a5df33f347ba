-- By which ways alarms reach people.
create table notification_routes (
  id uuid primary key,
  organisation_id uuid not null references organisations (id) on delete cascade,
  -- The order in which they are tried.
  position integer not null,
  name text not null,
  enabled boolean not null,
  -- What they are for and whom they tell, as in the contract.
  match jsonb not null,
  destinations jsonb not null,
  stop boolean not null,
  remind_minutes integer,
  created_at timestamptz not null default now()
);
create unique index notification_routes_organisation_id_name_key on notification_routes (organisation_id, lower(name));
select protect_rows('notification_routes');

create table escalation_chains (
  id uuid primary key,
  organisation_id uuid not null references organisations (id) on delete cascade,
  name text not null,
  steps jsonb not null,
  repeat jsonb,
  created_at timestamptz not null default now()
);
create unique index escalation_chains_organisation_id_name_key on escalation_chains (organisation_id, lower(name));
select protect_rows('escalation_chains');

-- No row: the defaults.
create table notification_settings (
  organisation_id uuid primary key references organisations (id) on delete cascade,
  debounce_seconds integer not null,
  cooldown_minutes integer not null,
  parent_wait_seconds integer not null,
  late_after_seconds integer not null,
  ring_for_past boolean not null
);
select protect_rows('notification_settings');

-- How people want to be told; gone when they leave.
create table notification_preferences (
  organisation_id uuid not null,
  person_id uuid not null,
  hears text not null check (hears in ('all', 'routed')),
  min_severity text not null check (min_severity in ('info', 'warning', 'minor', 'major', 'critical')),
  kinds text[],
  -- From which severity on it is in their inbox; null: from the first.
  inbox_min_severity text check (inbox_min_severity in ('info', 'warning', 'minor', 'major', 'critical')),
  time_zone text not null,
  quiet_from text,
  quiet_to text,
  digest_at text,
  -- When the next daily digest is due, and from when on it tells.
  next_digest_at timestamptz,
  digested_until timestamptz,
  primary key (organisation_id, person_id),
  foreign key (organisation_id, person_id) references memberships (organisation_id, person_id) on delete cascade
);
create index notification_preferences_person_id_idx on notification_preferences (person_id);
create index notification_preferences_next_digest_at_idx on notification_preferences (next_digest_at) where next_digest_at is not null;
select protect_rows('notification_preferences');

-- Addresses of people without an account. Nothing but the question goes there before they agreed.
create table mail_subscriptions (
  id uuid primary key,
  organisation_id uuid not null references organisations (id) on delete cascade,
  email text not null,
  min_severity text not null check (min_severity in ('info', 'warning', 'minor', 'major', 'critical')),
  kinds text[],
  -- SHA-256 of what the mailed link carries; null once it was used.
  confirm_hash bytea unique,
  expires_at timestamptz not null,
  -- The same of the link that ends it; that one itself is sealed with the address.
  end_hash bytea not null unique,
  confirmed_at timestamptz,
  created_by text not null,
  created_at timestamptz not null default now()
);
create unique index mail_subscriptions_organisation_id_email_key on mail_subscriptions (organisation_id, lower(email));
select protect_rows('mail_subscriptions');
-- The way to such an address: nobody's own and none of the organisation's.
alter table notification_targets add column subscription_id uuid references mail_subscriptions (id) on delete cascade;
create index notification_targets_subscription_id_idx on notification_targets (subscription_id);

-- What the planner knows of alarms it has to tell of.
create table planned_alarms (
  alarm_id uuid primary key references alarms (id) on delete cascade,
  organisation_id uuid not null,
  device_id text references devices (id) on delete cascade,
  -- Of source and type: the same thing again.
  same_as text not null,
  -- Of an incident, else of a device and kind: what is told together.
  told_with text not null,
  severity text not null,
  kind text not null,
  has_parent boolean not null,
  is_late boolean not null,
  is_over boolean not null,
  is_acknowledged boolean not null,
  is_muted boolean not null,
  -- As the last fact told it.
  fact jsonb not null,
  -- Facts that were handled: each counts once, however often it comes.
  handled uuid[] not null default '{}',
  raised_at timestamptz not null,
  seen_at timestamptz not null
);
create index planned_alarms_organisation_id_idx on planned_alarms (organisation_id, seen_at);
create index planned_alarms_same_as_idx on planned_alarms (organisation_id, same_as);
create index planned_alarms_device_id_idx on planned_alarms (device_id);
select close_rows('planned_alarms');

-- Who is told of which: see server/src/modules/notifications/plan.ts.
create table tellings (
  alarm_id uuid not null references planned_alarms (alarm_id) on delete cascade,
  target_id uuid not null references notification_targets (id) on delete cascade,
  organisation_id uuid not null,
  -- As of the alarm: what was heard of a group is found without it.
  told_with text not null,
  state text not null check (state in ('held', 'told', 'ending', 'over', 'dropped')),
  why text check (why in ('parent', 'late', 'debounce', 'storm', 'quiet', 'escalated')),
  due_at timestamptz,
  severity text not null,
  last_at timestamptz,
  -- The delivery that told of it last.
  message_id uuid,
  in_summary boolean not null,
  is_unheard boolean not null,
  remind_ms bigint,
  primary key (alarm_id, target_id)
);
create index tellings_due_at_idx on tellings (due_at) where due_at is not null;
create index tellings_waiting_idx on tellings (target_id) where state in ('held', 'ending');
create index tellings_target_id_last_at_idx on tellings (target_id, last_at);
create index tellings_told_with_idx on tellings (told_with, target_id, last_at);
create index tellings_message_id_idx on tellings (message_id);
select close_rows('tellings');

-- Where alarms stand in chains.
create table escalations (
  alarm_id uuid not null references planned_alarms (alarm_id) on delete cascade,
  chain_id uuid not null references escalation_chains (id) on delete cascade,
  organisation_id uuid not null,
  state text not null check (state in ('running', 'stopped', 'done')),
  step integer not null,
  round integer not null,
  due_at timestamptz not null,
  primary key (alarm_id, chain_id)
);
create index escalations_due_at_idx on escalations (due_at) where state = 'running';
create index escalations_chain_id_idx on escalations (chain_id);
select close_rows('escalations');
