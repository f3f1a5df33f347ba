-- Devices that registered by themselves and wait for a person; gone once they are approved, rejected or forgotten. What became of them stands in
-- the audit trail.
create table registrations (
  id uuid primary key,
  organisation_id uuid not null references organisations (id) on delete cascade,
  -- Made of the MAC address. No foreign key: there need be no such device yet.
  device_id text not null,
  mac text not null check (mac ~ '^[0-9a-f]{12}$'),
  kind text not null,
  name text,
  firmware_version text,
  sensor_types text[] not null default '{}',
  -- SHA-256 of the password that was answered; it becomes a credential by approval.
  secret_hash bytea not null unique check (length(secret_hash) = 32),
  wrong_code boolean not null,
  remote_address text not null,
  -- What the address is counted under.
  counted_as text not null,
  times integer not null check (times >= 1),
  first_at timestamptz not null,
  last_at timestamptz not null default now(),
  expires_at timestamptz not null
);
-- A device that asks again from the same place takes its own place; from another one it may be somebody else.
create unique index registrations_device_id_key on registrations (device_id, counted_as);
create index registrations_organisation_id_idx on registrations (organisation_id, last_at desc);
create index registrations_counted_as_idx on registrations (counted_as, last_at);
create index registrations_last_at_idx on registrations (last_at);
-- Who acts in a part of the organisation meets those of the devices there; new ones have no place yet.
select protect_rows('registrations', 'device_id');

-- Pre-shared codes: a new device that shows one is approved at once.
create table enrolment_codes (
  id uuid primary key,
  organisation_id uuid not null references organisations (id) on delete cascade,
  name text not null,
  -- SHA-256 of 100 random bits, as people type them.
  code_hash bytea not null unique check (length(code_hash) = 32),
  -- A code for a place that is gone is a code for nowhere.
  site_id uuid references sites (id) on delete cascade,
  max_uses integer not null check (max_uses >= 1),
  uses integer not null default 0 check (uses >= 0 and uses <= max_uses),
  readmits boolean not null,
  created_by text not null,
  created_at timestamptz not null default now(),
  expires_at timestamptz not null,
  last_used_at timestamptz
);
create index enrolment_codes_organisation_id_idx on enrolment_codes (organisation_id, created_at desc);
create index enrolment_codes_site_id_idx on enrolment_codes (site_id);
select protect_rows('enrolment_codes');
