-- Flags belong to the installation, not to a tenant: whom they are about stands in their rules.
create table flags (
  key text primary key check (key ~ '^[a-z][a-z0-9_.-]{0,63}$'),
  type text not null check (type in ('boolean', 'string', 'number')),
  about text not null,
  -- A FlagSetting of the contract: enabled, variants, offVariant, serve, rules.
  setting jsonb not null,
  version integer not null default 1,
  created_at timestamptz not null default now(),
  changed_at timestamptz not null default now(),
  changed_by text not null,
  archived_at timestamptz,
  last_asked_at timestamptz,
  -- Set while the kill switch is pressed by a person: no plan switches such a flag on again.
  killed_by_person boolean not null default false
);
select close_rows('flags');

-- Grows with every change, so that a server sees by one small read whether its copy is old.
create table flag_revision (
  only_row boolean primary key default true check (only_row),
  revision bigint not null default 0
);
insert into flag_revision default values;
select close_rows('flag_revision');

create table flag_changes (
  flag_key text not null references flags (key) on delete cascade,
  version integer not null,
  at timestamptz not null default clock_timestamp(),
  by text not null,
  what text not null,
  before jsonb,
  after jsonb not null,
  why text,
  plan_id uuid,
  primary key (flag_key, version)
);
select close_rows('flag_changes');

create table rollout_plans (
  id uuid primary key,
  name text not null,
  about text not null default '',
  roll_back_on_failure boolean not null,
  -- Steps as the contract has them.
  steps jsonb not null,
  state text not null check (state in ('draft', 'running', 'waiting', 'paused', 'done', 'rolled_back')),
  step integer not null default 0,
  -- How much of the wait was watched. A count and no due time: while Roost was down, or a clock was put forward, nobody watched the gates.
  watched_ms double precision not null default 0,
  -- When the count was last moved; null while it stands.
  watched_at timestamptz,
  -- Gates look at what happened since then.
  watching_since timestamptz,
  paused_from text check (paused_from in ('running', 'waiting')),
  gate_failed boolean not null default false,
  why text,
  -- What the flags were before the start, by key: the setting, and whether a person had killed it.
  before jsonb,
  created_at timestamptz not null default now(),
  created_by text not null,
  started_at timestamptz,
  step_began_at timestamptz,
  ended_at timestamptz
);
create index rollout_plans_state_idx on rollout_plans (state) where state in ('running', 'waiting', 'paused');
select close_rows('rollout_plans');

-- Which flags a plan names: one plan under way per flag, whatever the number of servers.
create table rollout_plan_flags (
  plan_id uuid not null references rollout_plans (id) on delete cascade,
  flag_key text not null references flags (key),
  under_way boolean not null default false,
  primary key (plan_id, flag_key)
);
create unique index rollout_plan_flags_under_way_key on rollout_plan_flags (flag_key) where under_way;
create index rollout_plan_flags_flag_key_idx on rollout_plan_flags (flag_key);
select close_rows('rollout_plan_flags');

create table rollout_entries (
  id uuid primary key,
  plan_id uuid not null references rollout_plans (id) on delete cascade,
  at timestamptz not null default clock_timestamp(),
  what text not null,
  by text not null,
  step integer not null,
  why text
);
create index rollout_entries_plan_id_idx on rollout_entries (plan_id, at, id);
select close_rows('rollout_entries');
