-- People, sessions, organisations, memberships and tokens: the tables of the sign-in library, in the house's names.
create table organisations (
  id uuid primary key,
  name text not null,
  slug text not null unique,
  logo text,
  metadata text,
  created_at timestamptz not null default now()
);
