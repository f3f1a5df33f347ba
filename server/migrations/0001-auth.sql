-- People, sessions, organisations and tokens. All but the last three tables are the sign-in library's, in the house's names.
create table organisations (
  id uuid primary key,
  name text not null,
  slug text not null unique,
  logo text,
  metadata text,
  created_at timestamptz not null default now()
);

create table people (
  id uuid primary key,
  name text not null,
  email text not null unique,
  email_verified boolean not null default false,
  -- May make organisations and look after the installation; sees no tenant's data by it.
  platform_admin boolean not null default false,
  image text,
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now()
);

create table sessions (
  id uuid primary key,
  token text not null unique,
  person_id uuid not null references people (id) on delete cascade,
  expires_at timestamptz not null,
  ip_address text,
  user_agent text,
  active_organisation_id uuid references organisations (id) on delete set null,
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now()
);
create index sessions_person_id_idx on sessions (person_id);
create index sessions_expires_at_idx on sessions (expires_at);

-- How a person proves who they are; provider_id is `credential` for a password, kept as an argon2id hash.
create table accounts (
  id uuid primary key,
  account_id text not null,
  provider_id text not null,
  person_id uuid not null references people (id) on delete cascade,
  access_token text,
  refresh_token text,
  id_token text,
  access_token_expires_at timestamptz,
  refresh_token_expires_at timestamptz,
  scope text,
  password text,
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now(),
  unique (provider_id, account_id)
);
create index accounts_person_id_idx on accounts (person_id);

create table verifications (
  id uuid primary key,
  identifier text not null,
  value text not null,
  expires_at timestamptz not null,
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now()
);
create index verifications_identifier_idx on verifications (identifier);

-- A token of our own, not the library's: it belongs to one organisation, carries permissions of the house, is looked up by one
-- indexed hash, and is checked without a write each time.
create table api_tokens (
  id uuid primary key,
  organisation_id uuid not null references organisations (id) on delete cascade,
  -- Its maker: it never holds more than they do, and ends with their membership.
  person_id uuid not null references people (id) on delete cascade,
  name text not null,
  -- SHA-256 of a secret with 256 bits of randomness: nothing to guess, so a slow hash would protect nothing.
  secret_hash bytea not null unique,
  permissions text[] not null,
  -- Both null: as far as its maker reaches. Else devices at these sites or in these groups, of those the maker reaches.
  site_ids uuid[],
  group_ids uuid[],
  created_at timestamptz not null default now(),
  expires_at timestamptz,
  last_used_at timestamptz
);
create index api_tokens_organisation_id_idx on api_tokens (organisation_id);
create index api_tokens_person_id_idx on api_tokens (person_id);
select protect_rows('api_tokens');

-- The way to the first administrator: one row. It closes for good when used_at is set.
create table setup (
  single boolean primary key default true check (single),
  organisation_id uuid not null references organisations (id),
  -- SHA-256 of the code shown at the latest start.
  code_hash bytea,
  code_made_at timestamptz,
  used_at timestamptz,
  person_id uuid references people (id) on delete set null
);

select close_rows('setup');

-- What signs session cookies; made at first start, sealed with the installation's own key.
create table auth_keys (
  single boolean primary key default true check (single),
  sealed bytea not null,
  created_at timestamptz not null default now()
);
