-- Numbers of the rules that give advice, as people set them for a species or for one plant: {"coldBelow": 5, ...}.
create table kit_garden.advice_numbers (
  organisation_id uuid not null references organisations (id),
  -- `species` and the preset's id, or `plant` and the plant's.
  kind text not null check (kind in ('species', 'plant')),
  subject text not null,
  numbers jsonb not null,
  changed_at timestamptz not null,
  primary key (organisation_id, kind, subject)
);
select protect_rows('kit_garden.advice_numbers');
