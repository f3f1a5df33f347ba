-- What other systems say is wrong: alerts of Prometheus and Alertmanager, alarms by webhook, messages by syslog. Told again and again, they are
-- remembered here, so that saying it twice is once and what is not said any more ends.
create table external_alarms (
  id uuid primary key,
  organisation_id uuid not null references organisations (id) on delete cascade,
  -- Null: about no device that is known here.
  device_id text references devices (id) on delete cascade,
  channel text not null check (channel in ('alertmanager', 'webhook', 'syslog')),
  -- What the other system knows it by: the fingerprint of its labels, its id.
  key text not null check (length(key) between 1 and 250),
  -- Of the alarm it makes.
  source text not null,
  type text not null,
  severity text not null check (severity in ('info', 'warning', 'minor', 'major', 'critical')),
  title text not null,
  text text,
  probable_cause text,
  labels jsonb not null default '{}',
  annotations jsonb not null default '{}',
  generator_url text,
  -- Of the newest occurrence.
  starts_at timestamptz not null,
  -- Null while it holds.
  ends_at timestamptz,
  -- Ends by itself then, unless it is told again; null: only when it is said to be over.
  expires_at timestamptz,
  updated_at timestamptz not null,
  unique (organisation_id, channel, key)
);
create index external_alarms_expires_at_idx on external_alarms (expires_at) where ends_at is null;
create index external_alarms_ends_at_idx on external_alarms (ends_at) where ends_at is not null;
create index external_alarms_source_type_idx on external_alarms (organisation_id, source, type) where ends_at is null;
create index external_alarms_device_id_idx on external_alarms (device_id) where device_id is not null;
select protect_rows('external_alarms', 'device_id');

-- Goes with its device to another organisation, where nobody tells it any more: it ends by itself, under a name that nobody else uses.
create function roost_external_alarm_moved() returns trigger language plpgsql as $$
begin
  new.key := 'moved:' || new.id;
  new.expires_at := least(new.expires_at, now() + interval '5 minutes');
  return new;
end
$$;
create trigger external_alarms_moved before update of organisation_id on external_alarms
  for each row when (old.organisation_id is distinct from new.organisation_id) execute function roost_external_alarm_moved();

-- Until when somebody was there to be told: while no server listened nothing runs out.
create table external_alarm_watch (
  id smallint primary key check (id = 1),
  watched_at timestamptz not null
);
select close_rows('external_alarm_watch');
