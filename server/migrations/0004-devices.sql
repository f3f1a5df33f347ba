create table devices (
  id text primary key check (id ~ '^[a-z0-9_-]{3,64}$'),
  -- Short form of the id for the big tables.
  key integer generated always as identity unique,
  organisation_id uuid not null references organisations (id),
  site_id uuid references sites (id) on delete set null,
  -- What it is reached through: a gateway, a switch. Of the same organisation, see below.
  parent_id text,
  name text not null,
  kind text not null,
  state text not null default 'waiting' check (state in ('waiting', 'online', 'offline', 'revoked')),
  state_since timestamptz not null default now(),
  heartbeat_seconds double precision not null default 60 check (heartbeat_seconds > 0),
  -- The pace the device was seen to keep, where it is slower than its setting; null until that is known.
  pace_seconds double precision check (pace_seconds > 0),
  firmware_version text,
  attributes jsonb not null default '{}',
  -- What it is there for, as its kit says: the plants it feels for.
  purpose text check (length(purpose) <= 200),
  -- 32 bytes, sealed with the installation's key: the HMAC of a claim cannot be checked against a hash.
  claim_secret_sealed bytea,
  created_at timestamptz not null default now(),
  claimed_at timestamptz,
  last_seen_at timestamptz,
  -- The platform's own devices (the canary) are in no list.
  hidden boolean not null default false,
  unique (organisation_id, id),
  check (parent_id <> id),
  foreign key (organisation_id, parent_id) references devices (organisation_id, id) on delete set null (parent_id)
);
create index devices_organisation_id_name_idx on devices (organisation_id, lower(name), id);
create index devices_site_id_idx on devices (site_id);
create index devices_parent_id_idx on devices (parent_id) where parent_id is not null;

create table device_group_members (
  group_id uuid not null,
  -- At the end of the transaction: a device that somebody adds to their part of an organisation is in its groups before it is there.
  device_id text not null references devices (id) on delete cascade deferrable initially deferred,
  organisation_id uuid not null,
  primary key (group_id, device_id),
  foreign key (organisation_id, group_id) references device_groups (organisation_id, id) on delete cascade
);
create index device_group_members_device_id_idx on device_group_members (device_id);
select protect_rows('device_group_members');

-- The same as isInScope() of server/src/platform/tenancy.ts.
create function roost_in_scope(scope jsonb, device_id text, site_id uuid) returns boolean language sql stable as $$
  with groups as (select coalesce(jsonb_agg(m.group_id::text), '[]') as ids from device_group_members m where m.device_id = $2)
  select not exists (
      select from jsonb_array_elements(scope -> 'allow') as a (parts)
      where not coalesce(a.parts -> 'sites' ? site_id::text, false)
        and not exists (select from jsonb_array_elements_text(g.ids) as i (id) where a.parts -> 'groups' ? i.id)
    )
    and not coalesce(scope -> 'deny' -> 'sites' ? site_id::text, false)
    and not exists (select from jsonb_array_elements_text(g.ids) as i (id) where scope -> 'deny' -> 'groups' ? i.id)
  from groups g
$$;
alter table devices enable row level security;
create policy tenant on devices to roost_tenant
  using (organisation_id = (select roost_organisation()) and ((select roost_scope()) is null or roost_in_scope((select roost_scope()), id, site_id)));
grant select, insert, update, delete on devices to roost_tenant;

-- What a device becomes by being reached through another: null where that may be, 'cycle' where it would be reached through itself, 'deep' where
-- more than 16 devices would stand in a row. It sees the whole organisation, whoever asks: part of the way may lie outside their scope.
create function roost_parent_fault(child text, parent text) returns text language sql stable security definer set search_path = public, pg_temp as $$
  with recursive up as (
    select d.id, d.parent_id, 1 as n from devices d where d.id = parent
    union all
    select d.id, d.parent_id, u.n + 1 from up u join devices d on d.id = u.parent_id where u.n <= 16
  ), down as (
    select d.id, 1 as n from devices d where d.id = child
    union all
    select d.id, b.n + 1 from down b join devices d on d.parent_id = b.id where b.n <= 16
  )
  select case
    when exists (select from up u where u.id = child) then 'cycle'
    when (select count(*) from up) + (select coalesce(max(b.n), 1) from down b) > 16 then 'deep'
  end
$$;
revoke execute on function roost_parent_fault from public;
grant execute on function roost_parent_fault to roost_tenant;

create table device_credentials (
  id uuid primary key,
  device_id text not null references devices (id) on delete cascade,
  organisation_id uuid not null,
  -- SHA-256 of 32 random bytes in base64url; a slow hash is for passwords that people choose.
  secret_hash bytea not null,
  created_at timestamptz not null default now(),
  -- Set by a rotation: the old password works until then.
  expires_at timestamptz,
  revoked_at timestamptz
);
create index device_credentials_device_id_idx on device_credentials (device_id);
create unique index device_credentials_secret_hash_key on device_credentials (secret_hash);
select protect_rows('device_credentials', 'device_id');

-- Claims that succeeded. The answer is kept 300 s so that a retry gets the same one; the nonce stays for as long as the
-- claim secret does, or a recorded claim could be played again.
create table claims (
  device_id text not null references devices (id) on delete cascade,
  nonce bytea not null,
  hmac bytea not null,
  firmware_version text,
  credential_id uuid not null,
  answer_sealed bytea,
  created_at timestamptz not null default now(),
  primary key (device_id, nonce)
);
create index claims_created_at_idx on claims (created_at);
-- Of a device that people may see; a claim itself is settled by the platform.
alter table claims enable row level security;
create policy tenant on claims to roost_tenant using (exists (select from devices d where d.id = device_id));
grant select, delete on claims to roost_tenant;

-- Tries per device id, known here or not: the limit must not tell which ids exist.
create table claim_tries (
  device_id text not null,
  tried_at timestamptz not null default now()
);
create index claim_tries_device_id_tried_at_idx on claim_tries (device_id, tried_at);
-- Those of a device that people may see go with it.
alter table claim_tries enable row level security;
create policy tenant on claim_tries to roost_tenant using (exists (select from devices d where d.id = device_id));
grant select, delete on claim_tries to roost_tenant;

-- Retained messages of the door.
create table retained_messages (
  topic text primary key,
  device_id text not null references devices (id) on delete cascade,
  organisation_id uuid not null,
  payload bytea not null,
  qos smallint not null check (qos in (0, 1)),
  properties jsonb,
  stored_at timestamptz not null default now(),
  expires_at timestamptz
);
create index retained_messages_device_id_idx on retained_messages (device_id);
select protect_rows('retained_messages', 'device_id');
revoke insert, update on retained_messages from roost_tenant;

-- What devices tell by their event topic.
create table device_events (
  id uuid primary key,
  organisation_id uuid not null,
  device_id text not null references devices (id) on delete cascade,
  type text not null,
  data jsonb not null,
  measured_at timestamptz not null,
  received_at timestamptz not null
);
-- Two events of one type may happen at one instant; the same event sent twice is one.
create unique index device_events_key on device_events (device_id, type, measured_at, md5(data::text));
select protect_rows('device_events', 'device_id');

-- Devices that went from one organisation to another. Each of the two keeps its own record.
create table device_transfers (
  id uuid primary key,
  organisation_id uuid not null references organisations (id) on delete cascade,
  direction text not null check (direction in ('out', 'in')),
  -- No foreign key: the record stays when the device is removed, wherever it is by then.
  device_id text not null,
  device_name text not null,
  state text not null check (state in ('offered', 'done', 'withdrawn')),
  -- SHA-256 of 32 random bytes that were shown once.
  code_hash bytea unique,
  other_organisation text,
  by_name text not null,
  created_at timestamptz not null default now(),
  expires_at timestamptz,
  settled_at timestamptz
);
create index device_transfers_organisation_id_idx on device_transfers (organisation_id, created_at desc);
create index device_transfers_device_id_idx on device_transfers (device_id, settled_at);
-- Who acts in a part of the organisation meets those of the devices there.
select protect_rows('device_transfers', 'device_id');

-- Moves all that hangs on a device to an organisation: every table that names both, and every table that names an organisation and hangs on
-- one of those by a foreign key. The schema itself is asked, so that a table made tomorrow cannot be forgotten. What stays behind is named
-- here: places and groups of the giver, its record of transfers, what it sent to its own people, and who asks to be let in to it.
create function roost_move_device(moved text, to_organisation uuid) returns bigint language plpgsql as $$
declare
  stays constant name[] := array['devices', 'device_group_members', 'device_transfers', 'deliveries', 'delivery_attempts', 'inbox_entries', 'registrations'];
  one record;
  n bigint;
  total bigint := 0;
begin
  for one in
    with recursive tenant as (
      select c.oid, c.relname from pg_class c
      where c.relnamespace = 'public'::regnamespace and c.relkind in ('r', 'p') and not c.relispartition and c.relname <> all (stays)
        and exists (select from pg_attribute a where a.attrelid = c.oid and a.attname = 'organisation_id' and not a.attisdropped)
    ), straight as (
      -- Names sort by "C" and texts as the database does, which need not be the same.
      select t.oid, (case a.attname when 'device_id' then 'device_id = $2'
        else 'device_key = (select d.key from devices d where d.id = $2)' end) collate "C" as rows
      from tenant t join pg_attribute a on a.attrelid = t.oid and a.attname in ('device_id', 'device_key') and not a.attisdropped
    ), reached as (
      select s.oid, s.rows, array[s.oid] as way from straight s
      union all
      select t.oid, format('%I in (select p.%I from %s p where %s)', fk.attname, pk.attname, r.oid::regclass, r.rows) collate "C", r.way || t.oid
      from reached r
      join pg_constraint f on f.confrelid = r.oid and f.contype = 'f' and array_length(f.conkey, 1) = 1
      join tenant t on t.oid = f.conrelid and t.oid <> all (r.way) and not exists (select from straight s where s.oid = t.oid)
      join pg_attribute fk on fk.attrelid = t.oid and fk.attnum = f.conkey[1]
      join pg_attribute pk on pk.attrelid = r.oid and pk.attnum = f.confkey[1]
    )
    -- What hangs on others goes first, while they can still be told by where they are; the order does not matter to what is moved.
    select r.oid::regclass as name, r.rows from reached r order by array_length(r.way, 1) desc
  loop
    execute format('update %s set organisation_id = $1 where %s and organisation_id is distinct from $1', one.name, one.rows)
      using to_organisation, moved;
    get diagnostics n = row_count;
    total := total + n;
  end loop;
  return total;
end
$$;
revoke execute on function roost_move_device from public;
