-- The way to the MQTT broker Home Assistant listens to, one for each organisation.
create table home_assistant_bridges (
  organisation_id uuid primary key references organisations (id) on delete cascade,
  host text not null,
  port integer not null check (port between 1 and 65535),
  tls boolean not null,
  -- Trusted for this broker beside no other; null: the well-known authorities.
  ca_pem text,
  username text,
  password_sealed bytea,
  discovery_prefix text not null,
  state_prefix text not null,
  publish boolean not null,
  take_in boolean not null,
  changed_at timestamptz not null default now()
);
select protect_rows('home_assistant_bridges');

-- Devices that somebody else announces and people took in. Where their states stand is told by the announcement, which lies on the broker.
create table home_assistant_devices (
  device_id text primary key references devices (id) on delete cascade,
  organisation_id uuid not null references organisations (id) on delete cascade,
  -- Names the announcing device: a digest of what it calls itself.
  found_id text not null,
  -- [{"component": …, "metric": …, "unit": …, "announcedUnit": …}, …]
  metrics jsonb not null,
  taken_at timestamptz not null default now()
);
-- Not unique: a device that is handed over brings its row along, and the receiver may have taken in the same one.
create index home_assistant_devices_organisation_id_found_id_idx on home_assistant_devices (organisation_id, found_id);
select protect_rows('home_assistant_devices', 'device_id');
