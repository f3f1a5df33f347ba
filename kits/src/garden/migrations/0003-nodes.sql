-- How each node's program is built. A node without a row has the usual values.
create table kit_garden.node_settings (
  -- A device that is removed takes its settings and secrets with it.
  device_id text primary key references devices (id) on delete cascade,
  organisation_id uuid not null references organisations (id),
  sample_seconds integer not null check (sample_seconds between 10 and 3600),
  sleep_seconds integer not null check (sleep_seconds = 0 or sleep_seconds between 60 and 43200),
  has_battery boolean not null,
  signed_updates boolean not null,
  soil_dry_volts double precision not null,
  soil_wet_volts double precision not null check (soil_dry_volts - soil_wet_volts >= 0.3 - 1e-9),
  soil_dry_at timestamptz,
  soil_wet_at timestamptz,
  -- What opens the set-up network, what updates come under, and what signs them. Sealed.
  portal_password bytea,
  update_key bytea,
  signing_key bytea,
  credentials_made_at timestamptz,
  changed_at timestamptz not null default now()
);
select protect_rows('kit_garden.node_settings', 'device_id');
