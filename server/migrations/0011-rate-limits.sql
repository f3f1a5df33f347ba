-- What all nodes together have let pass, per rule and key. Unlogged: a crash of the database forgets an hour's counts at most, and no
-- commit waits for the disk because somebody looked at a page. Keys are digests: addresses and e-mails are nobody's to read here.
create unlogged table rate_counts (
  key text not null,
  -- Length of the window; its number is the time of its beginning, divided by that length.
  seconds int not null,
  number bigint not null,
  taken bigint not null,
  primary key (key, seconds, number)
) with (fillfactor = 50);
select close_rows('rate_counts');

-- Guesses of secrets are counted exactly: the moments of those that were let pass, microseconds since 1970.
create unlogged table rate_guesses (
  key text primary key,
  taken_us bigint[] not null,
  until_us bigint not null
) with (fillfactor = 50);
create index rate_guesses_until_us_idx on rate_guesses (until_us);
select close_rows('rate_guesses');
