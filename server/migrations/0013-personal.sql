-- The erasing of people and devices: what was asked, how far it is, what it did. Kept as proof; it names nobody.
create table erasures (
  id uuid primary key,
  organisation_id uuid not null references organisations (id) on delete cascade,
  subject text not null check (subject in ('person', 'device')),
  -- Of a person the id that stays in the audit trail as a pseudonym once the person is gone.
  subject_id text not null,
  -- What has to be looked for, until it is done: then null.
  device_key integer,
  sought jsonb,
  state text not null default 'running' check (state in ('running', 'done')),
  requested_by text not null,
  requested_at timestamptz not null default now(),
  finished_at timestamptz,
  -- Steps that are done; each is one transaction with its count in `places`.
  step integer not null default 0,
  -- [{"place": "sessions", "how": "deleted", "rows": 3}]
  places jsonb not null default '[]',
  kept text[] not null default '{}',
  check ((state = 'done') = (finished_at is not null)),
  check (state <> 'done' or (sought is null and device_key is null))
);
create index erasures_organisation_id_idx on erasures (organisation_id, requested_at desc, id desc);
-- One at a time for each.
create unique index erasures_running_key on erasures (organisation_id, subject, subject_id) where state = 'running';
select protect_rows('erasures');
revoke insert, update, delete on erasures from roost_tenant;
