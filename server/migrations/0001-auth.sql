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
  second_factor_enabled boolean not null default false,
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
  -- A program's session: it comes with the bearer token of this hash, which ends before the session does. Null in a browser.
  access_hash bytea unique,
  access_expires_at timestamptz,
  -- Set where a single sign-on provider vouched for the person.
  provider_id uuid,
  last_seen_at timestamptz not null default now(),
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
-- A token is made and taken away, and never turned into another.
revoke update on api_tokens from roost_tenant;

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

-- Each refresh token that a program's session was given; used ones stay while the session does, so that a second use is seen.
create table refresh_tokens (
  secret_hash bytea primary key,
  session_id uuid not null references sessions (id) on delete cascade,
  used_at timestamptz,
  created_at timestamptz not null default now()
);
create index refresh_tokens_session_id_idx on refresh_tokens (session_id);

-- The sign-in library's, in the house's names: what an authenticator app and the server share, sealed with the signing key; recovery codes
-- as keyed hashes.
create table second_factors (
  id uuid primary key,
  person_id uuid not null unique references people (id) on delete cascade,
  secret text not null,
  recovery_codes text not null,
  verified boolean not null default false,
  failed_count integer not null default 0,
  locked_until timestamptz
);
create index second_factors_secret_idx on second_factors (secret);

-- Codes of an app that were tried lately: one works once, although its window is longer.
create table used_codes (
  person_id uuid not null references people (id) on delete cascade,
  code_hash bytea not null,
  used_at timestamptz not null default now(),
  primary key (person_id, code_hash)
);

-- The sign-in library's, in the house's names.
create table passkeys (
  id uuid primary key,
  name text,
  public_key text not null,
  person_id uuid not null references people (id) on delete cascade,
  credential_id text not null unique,
  counter bigint not null,
  device_type text not null,
  backed_up boolean not null,
  transports text,
  aaguid text,
  created_at timestamptz not null default now()
);
create index passkeys_person_id_idx on passkeys (person_id);

create table password_resets (
  -- SHA-256 of 32 random bytes that only the link carries.
  secret_hash bytea primary key,
  person_id uuid not null references people (id) on delete cascade,
  -- Sent to the person's own address, so that its use proves that the address is theirs.
  by_mail boolean not null,
  -- Somebody in charge who made it, and where: it is good while they may. Both null where it went by mail.
  made_by uuid references people (id) on delete cascade,
  made_in uuid references organisations (id) on delete cascade,
  check (by_mail = (made_by is null) and by_mail = (made_in is null)),
  created_at timestamptz not null default now(),
  expires_at timestamptz not null
);
create index password_resets_person_id_idx on password_resets (person_id);

-- Single sign-on: who vouches for people. Accounts hang on them by provider_id = id.
create table sign_in_providers (
  id uuid primary key,
  name text not null,
  issuer text not null,
  client_id text not null,
  sealed_secret bytea,
  allowed_domains text[] not null default '{}',
  -- Newcomers join this one, with this role; both null: they do not.
  joins_organisation_id uuid references organisations (id) on delete set null,
  joins_role text check (joins_role in ('viewer', 'operator')),
  is_enabled boolean not null default true,
  -- Organisations whose people it may vouch for by e-mail: where whoever set it up lets people in themselves. To look after the installation
  -- is no way into anybody's data.
  speaks_for uuid[] not null default '{}',
  created_at timestamptz not null default now(),
  unique (issuer, client_id)
);

-- A single sign-on under way: what was sent to the provider and has to come back, once.
create table single_sign_ons (
  -- SHA-256 of the state.
  state_hash bytea primary key,
  provider_id uuid not null references sign_in_providers (id) on delete cascade,
  -- SHA-256 of what only the browser that began it holds.
  browser_hash bytea not null,
  nonce text not null,
  code_verifier text not null,
  return_to text not null,
  -- Set where a person who is signed in links an account.
  person_id uuid references people (id) on delete cascade,
  created_at timestamptz not null default now()
);
