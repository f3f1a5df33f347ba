-- Commands to devices. A command takes effect at most once: its id is what the device tells a second delivery by.
create table commands (
  id uuid primary key,
  -- The order in which a device gets its commands; ids made by several servers do not sort well enough.
  turn bigint generated always as identity,
  organisation_id uuid not null references organisations (id) on delete cascade,
  device_id text not null references devices (id) on delete cascade,
  name text not null,
  params jsonb not null,
  state text not null default 'queued'
    check (state in ('queued', 'delivered', 'accepted', 'running', 'done', 'failed', 'expired', 'cancelled', 'unanswered')),
  by_kind text not null,
  by_id text not null,
  by_name text not null,
  -- Given by the sender so that trying again is not sending twice; what was asked for with it is compared.
  idempotency_key text,
  expires_in_seconds integer,
  queued_at timestamptz not null default now(),
  expires_at timestamptz not null,
  -- When it ends by itself: with its expiry as long as it was never sent, later once the device may be at work.
  due_at timestamptz not null,
  sent_at timestamptz,
  delivered_at timestamptz,
  accepted_at timestamptz,
  ended_at timestamptz,
  progress_percent real,
  result jsonb,
  code text,
  cancel_requested_at timestamptz,
  -- Which server has it in hand, and until when another may not take it.
  holder text,
  lease_until timestamptz,
  attempts integer not null default 0,
  in_flight boolean not null default false,
  check ((ended_at is null) = (state in ('queued', 'delivered', 'accepted', 'running'))),
  check (not in_flight or ended_at is null)
);
-- One at a time for each device, whatever the servers do.
create unique index commands_in_flight_key on commands (device_id) where in_flight;
create unique index commands_idempotency_key on commands (device_id, idempotency_key) where idempotency_key is not null;
create index commands_open_idx on commands (device_id, turn) where ended_at is null;
create index commands_due_at_idx on commands (due_at) where ended_at is null;
create index commands_device_id_turn_idx on commands (device_id, turn desc);
create index commands_ended_at_idx on commands (ended_at) where ended_at is not null;
select protect_rows('commands', 'device_id');

-- A device that goes to another organisation takes no orders of the one before along.
create function roost_end_moved_command() returns trigger language plpgsql as $$
begin
  if new.organisation_id is distinct from old.organisation_id and new.ended_at is null then
    new.state := case when new.sent_at is null then 'cancelled' else 'unanswered' end;
    new.ended_at := now();
    new.in_flight := false;
  end if;
  return new;
end
$$;
create trigger commands_moved before update of organisation_id on commands for each row execute function roost_end_moved_command();

-- What a device is wanted to be set to, and what it says it is set to. `settings` is the device's own business.
create table device_configurations (
  device_id text primary key references devices (id) on delete cascade,
  organisation_id uuid not null references organisations (id) on delete cascade,
  -- The first one is what the device was told when it was claimed; nobody set it.
  version integer not null,
  sample_seconds double precision,
  settings jsonb not null default '{}',
  changed_by text,
  changed_at timestamptz not null default now(),
  reported_version integer,
  reported jsonb,
  reported_at timestamptz
);
create index device_configurations_organisation_id_idx on device_configurations (organisation_id);
select protect_rows('device_configurations', 'device_id');
