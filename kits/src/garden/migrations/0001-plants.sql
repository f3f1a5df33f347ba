-- Plants, the nodes that stood at them, and their photos. The schema is there when this runs.
grant usage on schema kit_garden to roost_tenant;

create table kit_garden.plants (
  id uuid primary key,
  organisation_id uuid not null references organisations (id),
  name text not null,
  species text,
  preset_id text,
  place text,
  site_id uuid references sites (id) on delete set null,
  notes text,
  -- {"soil_moisture": {"min": 20, "max": null}, ...}; a metric that is not in it has no limits.
  limits jsonb not null default '{}',
  x double precision check (x between 0 and 1),
  y double precision check (y between 0 and 1),
  -- Null: the newest photo stands for it.
  cover_photo_id uuid,
  created_at timestamptz not null default now(),
  changed_at timestamptz not null default now(),
  -- A removed plant keeps its name and its place in the records of its nodes; what people wrote about it is gone.
  removed_at timestamptz,
  check ((x is null) = (y is null))
);
create index plants_organisation_id_name_idx on kit_garden.plants (organisation_id, lower(name), id) where removed_at is null;

-- When which node stood where. Nothing but the end of a row is ever changed, and its beginning where a person knows better.
create table kit_garden.assignments (
  id uuid primary key,
  organisation_id uuid not null references organisations (id),
  plant_id uuid not null references kit_garden.plants (id) on delete cascade,
  -- No foreign key: the record stays when the device is removed.
  device_id text not null,
  device_name text not null,
  assigned_at timestamptz not null,
  assigned_by text not null,
  ended_at timestamptz,
  ended_by text,
  check (ended_at >= assigned_at)
);
-- A node stands at one plant at a time.
create unique index assignments_open_key on kit_garden.assignments (device_id) where ended_at is null;
create index assignments_plant_id_idx on kit_garden.assignments (plant_id, assigned_at);
create index assignments_device_id_idx on kit_garden.assignments (device_id, assigned_at);
-- Who acts in a part of the organisation meets those of the nodes there.
select protect_rows('kit_garden.assignments', 'device_id');

-- How many nodes stand at a plant, also those that the caller does not see: it says a number and nothing else.
create function kit_garden.count_nodes(plant uuid) returns bigint language sql stable security definer set search_path = pg_catalog, pg_temp as $$
  select count(*) from kit_garden.assignments a where a.plant_id = plant and a.ended_at is null
$$;

-- A plant is seen by its site, or by a node that stands there now. The rows of assignments are those of nodes in scope already.
create function kit_garden.is_in_scope(plant uuid, site uuid) returns boolean language sql stable as $$
  select public.roost_in_scope((select public.roost_scope()), '', site)
    or exists (select from kit_garden.assignments a where a.plant_id = plant and a.ended_at is null)
$$;
alter table kit_garden.plants enable row level security;
create policy tenant on kit_garden.plants to roost_tenant
  using (organisation_id = (select roost_organisation()) and ((select roost_scope()) is null or kit_garden.is_in_scope(id, site_id)));
grant select, insert, update, delete on kit_garden.plants to roost_tenant;

create table kit_garden.photos (
  id uuid primary key,
  organisation_id uuid not null references organisations (id),
  plant_id uuid not null references kit_garden.plants (id) on delete cascade,
  blob_id uuid not null,
  media_type text not null check (media_type in ('image/jpeg', 'image/png', 'image/webp')),
  size_bytes integer not null,
  added_at timestamptz not null default now(),
  added_by text not null
);
create index photos_plant_id_idx on kit_garden.photos (plant_id, added_at);
alter table kit_garden.photos enable row level security;
create policy tenant on kit_garden.photos to roost_tenant
  using (organisation_id = (select roost_organisation()) and exists (select from kit_garden.plants p where p.id = plant_id));
grant select, insert, update, delete on kit_garden.photos to roost_tenant;

-- What a node measured at a plant, by the hour: written when the node is removed, so that the plant's history outlives it.
create table kit_garden.kept_hours (
  organisation_id uuid not null references organisations (id),
  plant_id uuid not null references kit_garden.plants (id) on delete cascade,
  device_id text not null,
  metric text not null,
  unit text not null,
  at timestamptz not null,
  min double precision not null,
  max double precision not null,
  avg double precision not null,
  n integer not null,
  primary key (plant_id, metric, device_id, at)
);
alter table kit_garden.kept_hours enable row level security;
create policy tenant on kit_garden.kept_hours to roost_tenant
  using (organisation_id = (select roost_organisation()) and exists (select from kit_garden.plants p where p.id = plant_id));
grant select, insert, update, delete on kit_garden.kept_hours to roost_tenant;
