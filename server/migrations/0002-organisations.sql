-- Where things stand, what belongs together, and what people may do there.
create table sites (
  id uuid primary key,
  organisation_id uuid not null references organisations (id) on delete cascade,
  name text not null,
  -- IANA zone of the place; null: the organisation's people see their own.
  time_zone text,
  created_at timestamptz not null default now()
);
create unique index sites_organisation_id_name_key on sites (organisation_id, lower(name));
select protect_rows('sites');

create table device_groups (
  id uuid primary key,
  organisation_id uuid not null references organisations (id) on delete cascade,
  name text not null,
  created_at timestamptz not null default now(),
  unique (organisation_id, id)
);
create unique index device_groups_organisation_id_name_key on device_groups (organisation_id, lower(name));
select protect_rows('device_groups');

-- Roles that an organisation made for itself; the four that everybody has stand in the contract.
create table roles (
  id uuid primary key,
  organisation_id uuid not null references organisations (id) on delete cascade,
  name text not null,
  permissions text[] not null,
  created_at timestamptz not null default now(),
  changed_at timestamptz not null default now(),
  unique (organisation_id, id)
);
create unique index roles_organisation_id_name_key on roles (organisation_id, lower(name));
select protect_rows('roles');

-- What a person may in an organisation. One row is one membership: a role, where it holds, what is taken out, and until when.
create table memberships (
  id uuid primary key,
  organisation_id uuid not null references organisations (id) on delete cascade,
  person_id uuid not null references people (id) on delete cascade,
  -- One of the four, or `custom`: then role_id says which of the organisation's own.
  role text not null check (role in ('viewer', 'operator', 'admin', 'owner', 'custom')),
  role_id uuid,
  -- Both null: the whole organisation. Else devices at these sites or in these groups.
  site_ids uuid[],
  group_ids uuid[],
  -- Denials stand above everything the role gives.
  denied_permissions text[] not null default '{}',
  denied_site_ids uuid[] not null default '{}',
  denied_group_ids uuid[] not null default '{}',
  -- Ends by itself: a stand-in for the holidays, a platform administrator who was let in.
  expires_at timestamptz,
  -- Set where this is a platform administrator who was let in by an owner.
  support_grant_id uuid,
  created_at timestamptz not null default now(),
  unique (organisation_id, person_id),
  foreign key (organisation_id, role_id) references roles (organisation_id, id),
  check ((role = 'custom') = (role_id is not null)),
  -- An owner owns everything, for good.
  check (role <> 'owner' or (site_ids is null and group_ids is null and expires_at is null and denied_permissions = '{}'
    and denied_site_ids = '{}' and denied_group_ids = '{}'))
);
create index memberships_person_id_idx on memberships (person_id);
create index memberships_role_id_idx on memberships (role_id);
select protect_rows('memberships');

-- People are seen by those who share an organisation with them, and changed by nobody but the platform.
alter table people enable row level security;
create policy tenant on people for select to roost_tenant using (exists (select from memberships m where m.person_id = people.id));
grant select on people to roost_tenant;
alter table organisations enable row level security;
create policy tenant on organisations to roost_tenant using (id = (select roost_organisation()));
grant select, update (name) on organisations to roost_tenant;

create table invitations (
  id uuid primary key,
  organisation_id uuid not null references organisations (id) on delete cascade,
  -- Null: whoever holds the link.
  email text,
  role text not null check (role in ('viewer', 'operator', 'admin', 'owner', 'custom')),
  role_id uuid,
  site_ids uuid[],
  group_ids uuid[],
  denied_permissions text[] not null default '{}',
  denied_site_ids uuid[] not null default '{}',
  denied_group_ids uuid[] not null default '{}',
  membership_expires_at timestamptz,
  -- SHA-256 of 32 random bytes that only the link carries.
  secret_hash bytea not null unique,
  invited_by uuid references people (id) on delete set null,
  -- Made by a platform administrator, for the first owner of an organisation.
  by_platform boolean not null default false,
  -- The link went to `email` and was shown to nobody: who has it reads that mailbox.
  by_mail boolean not null default false,
  created_at timestamptz not null default now(),
  expires_at timestamptz not null,
  accepted_at timestamptz,
  accepted_by uuid references people (id) on delete set null,
  withdrawn_at timestamptz,
  foreign key (organisation_id, role_id) references roles (organisation_id, id) on delete cascade,
  check ((role = 'custom') = (role_id is not null))
);
create index invitations_organisation_id_idx on invitations (organisation_id, created_at desc);
select protect_rows('invitations');

-- How a platform administrator gets to see a tenant: they ask with a reason, an owner lets them in for a time.
create table support_grants (
  id uuid primary key,
  organisation_id uuid not null references organisations (id) on delete cascade,
  person_id uuid not null references people (id) on delete cascade,
  -- As they were called when they asked: the organisation sees nobody who does not belong to it.
  person_name text not null,
  person_email text not null,
  reason text not null,
  minutes integer not null check (minutes between 5 and 1440),
  role text not null check (role in ('viewer', 'operator', 'admin')),
  state text not null default 'asked' check (state in ('asked', 'granted', 'refused', 'ended')),
  asked_at timestamptz not null default now(),
  settled_at timestamptz,
  settled_by uuid references people (id) on delete set null,
  settled_by_email text,
  expires_at timestamptz
);
create index support_grants_organisation_id_idx on support_grants (organisation_id, asked_at desc);
create index support_grants_person_id_idx on support_grants (person_id);
select protect_rows('support_grants');
alter table memberships add foreign key (support_grant_id) references support_grants (id) on delete cascade;

-- Organisations that are to be removed: closed from then on, and removed for good when their time is over. Gone with the organisation.
create table organisation_removals (
  organisation_id uuid primary key references organisations (id) on delete cascade,
  -- No foreign key: by their id they stand in the record that stays, as whoever has something erased.
  requested_by uuid not null,
  requested_by_email text not null,
  requested_at timestamptz not null,
  ends_at timestamptz not null check (ends_at >= requested_at),
  -- From then on nobody keeps it any more.
  begun_at timestamptz,
  -- Of its devices when the removal began: what the big tables know of them goes by these, also when the devices themselves are gone.
  device_keys integer[],
  -- Who belonged to it then, and nobody forgets to look after.
  person_ids uuid[]
);
select protect_rows('organisation_removals');

-- Whether an organisation is at work. One that is closed takes nothing in, tells nobody anything, and lets nobody do anything.
create function roost_is_open(organisation uuid) returns boolean language sql stable as $$
  select not exists (select from organisation_removals r where r.organisation_id = organisation)
$$;
