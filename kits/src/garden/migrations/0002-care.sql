-- How an organisation has its care plans written. Without a row: the defaults, and no key.
create table kit_garden.care_settings (
  organisation_id uuid primary key references organisations (id),
  provider text not null check (provider in ('anthropic', 'openai', 'compatible')),
  -- Null: the provider's default.
  model text,
  base_url text,
  key_sealed bytea,
  -- What may be shown of the key: its last four characters, or nothing.
  key_masked text,
  -- US dollars for a million tokens, as people entered them; null: those of the table.
  input_price double precision check (input_price >= 0),
  output_price double precision check (output_price >= 0),
  monthly_cap_cents integer not null check (monthly_cap_cents >= 0),
  weekly boolean not null,
  on_strong_change boolean not null,
  -- Something that another call would only meet again, such as a wrong key; until when nobody is called.
  blocked_reason text,
  blocked_until timestamptz,
  updated_at timestamptz not null default now(),
  check ((input_price is null) = (output_price is null)),
  check ((blocked_reason is null) = (blocked_until is null))
);
select protect_rows('kit_garden.care_settings');

create table kit_garden.care_plans (
  id uuid primary key,
  organisation_id uuid not null references organisations (id),
  plant_id uuid not null references kit_garden.plants (id) on delete cascade,
  generated_at timestamptz not null,
  cause text not null,
  provider text not null,
  model text not null,
  -- As the contract has it, each claim with the readings it rests on.
  body jsonb not null
);
create index care_plans_plant_id_idx on kit_garden.care_plans (plant_id, generated_at desc);
alter table kit_garden.care_plans enable row level security;
create policy tenant on kit_garden.care_plans to roost_tenant
  using (organisation_id = (select roost_organisation()) and exists (select from kit_garden.plants p where p.id = plant_id));
grant select, insert, update, delete on kit_garden.care_plans to roost_tenant;

-- The newest work on a plant's plan: one row for each plant, so that asking twice is once.
create table kit_garden.care_jobs (
  plant_id uuid primary key references kit_garden.plants (id) on delete cascade,
  organisation_id uuid not null references organisations (id),
  state text not null check (state in ('queued', 'running', 'waiting', 'done', 'refused', 'abstained', 'failed')),
  cause text not null check (cause in ('new_plant', 'weekly', 'strong_change', 'on_demand')),
  -- A code of the contract's reasons; null while there is nothing to say.
  reason text,
  -- When it may be taken up (again); null: not by itself.
  run_after timestamptz,
  attempts integer not null default 0,
  -- Who works at it, and until when that is believed.
  lease uuid,
  lease_until timestamptz,
  asked_at timestamptz not null,
  finished_at timestamptz,
  -- The last time a strong change asked for a plan: once a day is enough.
  strong_at timestamptz,
  -- How the plant was when it was last looked at, to see what changes: {"status": "optimal", "trends": {"soil_moisture": "falling"}}.
  seen jsonb,
  check ((state = 'running') = (lease is not null)),
  check ((lease is null) = (lease_until is null))
);
create index care_jobs_due_idx on kit_garden.care_jobs (run_after) where state in ('queued', 'waiting', 'abstained');
create index care_jobs_organisation_id_idx on kit_garden.care_jobs (organisation_id, asked_at desc);
alter table kit_garden.care_jobs enable row level security;
create policy tenant on kit_garden.care_jobs to roost_tenant
  using (organisation_id = (select roost_organisation()) and exists (select from kit_garden.plants p where p.id = plant_id));
grant select, insert, update, delete on kit_garden.care_jobs to roost_tenant;

-- What calls cost, in millionths of a dollar. The most a call can cost is reserved before it is made, so that a crash cannot overspend.
create table kit_garden.care_calls (
  id uuid primary key,
  organisation_id uuid not null references organisations (id),
  -- Null: somebody tried out the model. No foreign key: what was paid stays on record.
  plant_id uuid,
  -- 2026-11, by UTC.
  month text not null,
  provider text not null,
  model text not null,
  started_at timestamptz not null,
  ended_at timestamptz,
  -- Null: the price was not known.
  reserved bigint,
  -- Null: under way, or nobody knows; then the reservation counts.
  cost bigint,
  input_tokens integer,
  output_tokens integer,
  -- `answered`, or a code of the contract's reasons.
  outcome text
);
create index care_calls_month_idx on kit_garden.care_calls (organisation_id, month);
select protect_rows('kit_garden.care_calls');
