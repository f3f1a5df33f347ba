-- What was refused and why. One row per (device, code, topic, minute); later ones only count.
create table ingest_rejects (
  id uuid primary key,
  organisation_id uuid,
  device_id text references devices (id) on delete cascade,
  code text not null,
  topic text not null,
  excerpt text not null,
  count integer not null default 1,
  minute_at timestamptz not null,
  first_at timestamptz not null,
  last_at timestamptz not null
);
create unique index ingest_rejects_key on ingest_rejects (coalesce(device_id, ''), code, topic, minute_at);
create index ingest_rejects_organisation_id_last_at_idx on ingest_rejects (organisation_id, last_at desc, id);
create index ingest_rejects_device_id_last_at_idx on ingest_rejects (device_id, last_at desc, id);
-- What hangs on no device (a program that sent what it may not) is for those who see the whole organisation.
alter table ingest_rejects enable row level security;
create policy tenant on ingest_rejects to roost_tenant
  using (organisation_id = (select roost_organisation()) and ((select roost_scope()) is null or exists (select from devices d where d.id = device_id)));
grant select on ingest_rejects to roost_tenant;
