-- Keys that seal secrets at rest, each sealed itself with the envelope key, which is never here.
create table data_keys (
  -- Stands in every value it sealed; 0 is the installation's key of values from before there were versions.
  kid integer primary key,
  -- Null once nothing is sealed by it any more.
  wrapped bytea,
  -- Which envelope key wraps it: where that came from, and its version.
  envelope text not null,
  made_at timestamptz not null default now(),
  made_by text not null,
  -- From then on servers seal with it: by then all of them have heard of it.
  current_at timestamptz not null,
  -- When everything was sealed with it.
  resealed_at timestamptz,
  retired_at timestamptz
);
select close_rows('data_keys');

-- When a secret that comes from outside was first seen, and when another value was. The digest is sealed: it tells nobody anything.
create table secret_sightings (
  name text primary key,
  digest_sealed bytea not null,
  first_seen_at timestamptz not null default now(),
  changed_at timestamptz
);
select close_rows('secret_sightings');

-- What the last walk over a column could not open: to be looked into by a person.
create table reseal_findings (
  table_name text not null,
  column_name text not null,
  unreadable integer not null,
  found_at timestamptz not null default now(),
  primary key (table_name, column_name)
);
select close_rows('reseal_findings');

-- What signs the session cookies of browsers, in versions: the newest signs, older ones verify until no cookie of theirs can be good any more.
create table session_keys (
  kid integer primary key,
  -- Sealed with a data key; null once retired.
  sealed bytea,
  made_at timestamptz not null default now(),
  made_by text not null,
  -- Known to all servers by then.
  current_at timestamptz not null,
  retired_at timestamptz
);
select close_rows('session_keys');
