-- What makes an alarm: for which devices, on which condition, how bad.
create table alarm_rules (
  id uuid primary key,
  organisation_id uuid not null references organisations (id),
  name text,
  -- One of these five: what it is about.
  device_id text references devices (id) on delete cascade,
  site_id uuid references sites (id) on delete cascade,
  group_id uuid references device_groups (id) on delete cascade,
  device_kind text,
  everything boolean not null default false,
  -- As in contract/src/rule-conditions.ts; `kind` tells which.
  condition jsonb not null,
  severity text not null check (severity in ('info', 'warning', 'minor', 'major', 'critical')),
  enabled boolean not null default true,
  title text,
  text text,
  probable_cause text,
  -- What is different at some sites.
  overrides jsonb not null default '[]',
  -- Of a rule that a kit keeps: the kit, and the kit's own word for the rule.
  kept_by text,
  kept_key text,
  version integer not null default 1,
  created_at timestamptz not null default now(),
  changed_at timestamptz not null default now(),
  changed_by text not null default 'roost',
  check (num_nonnulls(device_id, site_id, group_id, device_kind) + everything::integer = 1),
  check ((kept_by is null) = (kept_key is null)),
  unique (organisation_id, kept_by, kept_key)
);
create index alarm_rules_organisation_id_idx on alarm_rules (organisation_id, id);
create index alarm_rules_device_id_idx on alarm_rules (device_id) where device_id is not null;
create index alarm_rules_site_id_idx on alarm_rules (site_id) where site_id is not null;
create index alarm_rules_group_id_idx on alarm_rules (group_id) where group_id is not null;
create index alarm_rules_offline_idx on alarm_rules (organisation_id) where condition ->> 'kind' = 'offline';
select protect_rows('alarm_rules', 'device_id');

-- What a rule was. Nothing in it is ever changed.
create table alarm_rule_versions (
  rule_id uuid not null references alarm_rules (id) on delete cascade,
  organisation_id uuid not null,
  version integer not null,
  at timestamptz not null default clock_timestamp(),
  by text not null,
  what text not null check (what in ('added', 'changed', 'rolled_back')),
  -- All that people set of it.
  fields jsonb not null,
  primary key (rule_id, version)
);
select protect_rows('alarm_rule_versions', 'rule_id', 'alarm_rules');

-- Stays outside a limit that have not raised yet: timers and counters, which a restart neither resets nor doubles. A row per rule, device and kind
-- of alarm, written when a stay begins, taken away when it ends, and brought up to date when a server stops.
create table rule_memory (
  rule_id uuid not null references alarm_rules (id) on delete cascade,
  -- Of the rule: one that is another now begins to count anew.
  version integer not null,
  device_id text not null references devices (id) on delete cascade,
  kind text not null,
  outside_since timestamptz not null,
  in_a_row integer not null,
  -- The newest value that went into it.
  judged_at timestamptz not null,
  primary key (rule_id, device_id, kind)
);
create index rule_memory_device_id_idx on rule_memory (device_id);
select close_rows('rule_memory');
