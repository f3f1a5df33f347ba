-- Files that are kept: photos, clips. The bytes lie in <data folder>/blobs/<last two digits of the id>/<id>; a row is written once they do,
-- and a file without a row is nobody's and swept away.
create table blobs (
  id uuid primary key,
  -- Its files follow by the sweep.
  organisation_id uuid not null references organisations (id) on delete cascade,
  media_type text not null,
  size_bytes bigint not null check (size_bytes >= 0),
  -- Every reading is held against it.
  sha256 bytea not null check (length(sha256) = 32),
  created_at timestamptz not null default now()
);
create index blobs_organisation_id_idx on blobs (organisation_id) include (size_bytes);
select protect_rows('blobs');
