-- The second lock of tenancy. Work on behalf of a caller runs as the role `roost_tenant`, which owns nothing and cannot pass by a policy;
-- whose rows it is about is said for each transaction: see server/src/platform/db.ts (`within`). The platform's own work (ingest, jobs,
-- handlers of facts) runs as the owner of the tables.
do $$
begin
  -- Roles belong to the cluster: another database of it may have made this one, at this very moment even.
  if not exists (select from pg_roles r where r.rolname = 'roost_tenant') then
    create role roost_tenant nologin nosuperuser nobypassrls nocreatedb nocreaterole;
  end if;
exception
  when duplicate_object or unique_violation then null;
  when insufficient_privilege then
    raise exception 'Roost needs a role for the work on behalf of people. Let an administrator of the database run: create role roost_tenant nologin; grant roost_tenant to %;', current_user
      using errcode = 'RS002';
end
$$;
do $$
begin
  -- From PostgreSQL 16 on, to belong to a role and to be allowed to act as it are two things.
  if not pg_has_role(current_user, 'roost_tenant', case when current_setting('server_version_num')::int >= 160000 then 'SET' else 'MEMBER' end) then
    execute format('grant roost_tenant to %I', current_user);
  end if;
exception
  when insufficient_privilege then
    raise exception 'Roost needs a role for the work on behalf of people. Let an administrator of the database run: grant roost_tenant to %;', current_user
      using errcode = 'RS002';
end
$$;
grant usage on schema public to roost_tenant;

-- The organisation this transaction is about; null outside of one, and then there are no rows.
create function roost_organisation() returns uuid language sql stable as $$
  select nullif(current_setting('roost.organisation_id', true), '')::uuid
$$;

-- What of its devices is in scope, null for all: {"allow": [{"sites": [...], "groups": [...]}, ...], "deny": {"sites": [...], "groups": [...]}}.
create function roost_scope() returns jsonb language sql stable as $$
  select nullif(current_setting('roost.scope', true), '')::jsonb
$$;

-- Protects a table of tenants: its rows are there for their own organisation alone and, where they hang on a device, for scopes that hold it.
-- `via` names the column and `parent` the table by which rows hang on a device, straight or by way of an alarm.
create function protect_rows(target regclass, via text default '', parent text default 'devices') returns void language plpgsql as $$
declare
  rule text := 'organisation_id = (select roost_organisation())';
begin
  -- The parent has policies too: what is not in scope is not found there.
  if via <> '' then
    rule := rule || format(' and ((select roost_scope()) is null or %1$I is null or exists (select from %2$s p where p.id = %1$I))', via, parent::regclass);
  end if;
  execute format('alter table %s enable row level security', target);
  execute format('create policy tenant on %s to roost_tenant using (%s) with check (%s)', target, rule, rule);
  execute format('grant select, insert, update, delete on %s to roost_tenant', target);
end
$$;

-- The same for the big tables, which name the device by its short key and no organisation.
create function protect_rows_by_key(target regclass) returns void language plpgsql as $$
begin
  execute format('alter table %s enable row level security', target);
  execute format('create policy tenant on %s to roost_tenant using (exists (select from devices d where d.key = device_key))', target);
  execute format('grant select on %s to roost_tenant', target);
end
$$;

-- Closes a table to people's work altogether: what only the platform itself reads.
create function close_rows(target regclass) returns void language plpgsql as $$
begin
  execute format('alter table %s enable row level security', target);
end
$$;
