-- Requests that came with an `Idempotency-Key`, and what was answered: see server/src/platform/http/idempotency.ts. A key is somebody's own.
create table idempotency_keys (
  organisation_id uuid not null references organisations (id) on delete cascade,
  caller_kind text not null check (caller_kind in ('person', 'token')),
  caller_id uuid not null,
  -- The key itself is nobody's to read here.
  key_digest bytea not null,
  -- Which of the requests with this key does the work: another one that comes late settles nothing.
  run_id uuid not null,
  -- Of what was asked, keyed by the key itself: a password or a short code is soon guessed by its bare digest.
  request_digest bytea not null,
  -- Of what the caller could do and see.
  rights_digest bytea not null,
  -- Null while it is under way or cut off.
  status smallint,
  -- Null in a settled one: the answer could not be kept.
  answer_sealed bytea,
  begun_at timestamptz not null default clock_timestamp(),
  settled_at timestamptz,
  lease_until timestamptz not null,
  expires_at timestamptz not null,
  primary key (organisation_id, caller_kind, caller_id, key_digest)
);
create index idempotency_keys_expires_at_idx on idempotency_keys (expires_at);
select protect_rows('idempotency_keys');
