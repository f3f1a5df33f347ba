-- What organisations switched of the kits, and set. A kit's own tables lie in a schema of its own, `kit_<id>`, with migrations of their own.
create table kit_switches (
  organisation_id uuid not null references organisations (id),
  kit text not null,
  is_on boolean not null default false,
  -- As far as it differs from the kit's defaults.
  settings jsonb not null default '{}',
  -- Default rules that were made here once: who removed one does not find it again.
  rules_made text[] not null default '{}',
  changed_at timestamptz not null default now(),
  primary key (organisation_id, kit)
);
select protect_rows('kit_switches');
