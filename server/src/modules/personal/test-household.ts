import type { Permission, Role } from "@roost/contract/permissions";
import { rolePermissions } from "@roost/contract/permissions";
import { sql } from "@roost/contract/sql";

import type { Db } from "../../platform/db.ts";
import type { PersonCaller } from "../../platform/http/mount.ts";
import { newId } from "../../platform/id.ts";

/** People and a device of two organisations, with a row in every table that may hold something of them. */
export interface Household {
  readonly coop: string;
  readonly farm: string;
  /** Owner of the coop. */
  readonly ann: TestPerson;
  /** Member of the coop and of the farm. */
  readonly kim: TestPerson;
  /** Member of the coop alone. */
  readonly lee: TestPerson;
  readonly deviceId: string;
  readonly deviceKey: number;
}

interface TestPerson {
  readonly id: string;
  readonly email: string;
  readonly name: string;
}

/** @param secret - Stands in every column that holds a secret or what proves one. */
export async function addHousehold(db: Db, secret: string): Promise<Household> {
  const [coop, farm] = [await addOrganisation(db, "Coop"), await addOrganisation(db, "Farm")];
  const ann = await addPerson(db, "ann@example.org", "Ann Ancaster", secret);
  const kim = await addPerson(db, "kim.doe@example.org", "Kimberly Doe", secret);
  const lee = await addPerson(db, "lee@example.org", "Leandra Lee", secret);
  await addMember(db, coop, ann, "owner");
  await addMember(db, coop, kim, "operator");
  await addMember(db, coop, lee, "viewer");
  await addMember(db, farm, kim, "owner");
  for (const person of [kim, lee]) await addTraces(db, coop, farm, person, secret);
  const deviceId = "teddy-esp32-x";
  const deviceKey = await addDevice(db, coop, deviceId, secret);
  return { coop, farm, ann, kim, lee, deviceId, deviceKey };
}

/** A caller as the edge makes one. */
export function callerOf(person: TestPerson, organisationId: string, role: Role): PersonCaller {
  return {
    kind: "person",
    id: person.id,
    name: person.email,
    organisationId,
    permissions: new Set<Permission>(rolePermissions[role]),
    by: { kind: "person", id: person.id, name: person.email, remoteAddress: "192.0.2.9", userAgent: "Test", correlationId: "c-1" },
    signal: new AbortController().signal,
  };
}

async function addOrganisation(db: Db, name: string): Promise<string> {
  const id = newId();
  await db.query(sql`insert into organisations (id, name, slug) values (${id}, ${name}, ${id})`);
  return id;
}

async function addPerson(db: Db, email: string, name: string, secret: string): Promise<TestPerson> {
  const id = newId();
  const sessionId = newId();
  const hash = Buffer.from(`${secret}-${id}`);
  await db.query(sql`insert into people (id, name, email) values (${id}, ${name}, ${email})`);
  await db.query(sql`
    insert into sessions (id, token, person_id, expires_at, ip_address, user_agent)
    values (${sessionId}, ${`${secret}-${id}`}, ${id}, now() + interval '1 day', '203.0.113.77', 'Firefox of the living room')`);
  await db.query(sql`insert into refresh_tokens (secret_hash, session_id) values (${hash}, ${sessionId})`);
  await db.query(
    sql`insert into accounts (id, account_id, provider_id, person_id, password) values (${newId()}, ${id}, 'credential', ${id}, ${secret})`,
  );
  await db.query(sql`insert into second_factors (id, person_id, secret, recovery_codes) values (${newId()}, ${id}, ${secret}, ${secret})`);
  await db.query(sql`insert into used_codes (person_id, code_hash) values (${id}, ${hash})`);
  await db.query(sql`
    insert into passkeys (id, name, public_key, person_id, credential_id, counter, device_type, backed_up)
    values (${newId()}, 'Phone', ${secret}, ${id}, ${`${secret}-${id}`}, 0, 'singleDevice', false)`);
  await db.query(
    sql`insert into password_resets (secret_hash, person_id, by_mail, expires_at) values (${hash}, ${id}, true, now() + interval '1 hour')`,
  );
  await db.query(
    sql`insert into verifications (id, identifier, value, expires_at) values (${newId()}, ${email}, ${secret}, now() + interval '1 hour')`,
  );
  return { id, email, name };
}

async function addMember(db: Db, organisationId: string, person: TestPerson, role: Role): Promise<void> {
  await db.query(
    sql`insert into memberships (id, organisation_id, person_id, role) values (${newId()}, ${organisationId}, ${person.id}, ${role})`,
  );
}

/** What somebody leaves in two organisations, of which they may belong to one only. */
async function addTraces(db: Db, coop: string, farm: string, person: TestPerson, secret: string): Promise<void> {
  for (const organisationId of [coop, farm]) {
    await db.query(sql`
      insert into api_tokens (id, organisation_id, person_id, name, secret_hash, permissions)
      values (${newId()}, ${organisationId}, ${person.id}, 'Script', ${Buffer.from(`${secret}-${newId()}`)}, '{devices:read}')`);
    await db.query(sql`
      insert into invitations (id, organisation_id, email, role, secret_hash, invited_by, expires_at)
      values (${newId()}, ${organisationId}, ${person.email}, 'viewer', ${Buffer.from(`${secret}-${newId()}`)}, ${person.id}, now())`);
    await db.query(sql`
      insert into support_grants (id, organisation_id, person_id, person_name, person_email, reason, minutes, role)
      values (${newId()}, ${organisationId}, ${person.id}, ${person.name}, ${person.email}, 'A look at the alarms', 30, 'viewer')`);
    await db.query(sql`
      insert into audit_entries (id, organisation_id, at, actor_kind, actor_id, actor_name, action, object_kind, object_id, object_name, after, outcome, remote_address, user_agent, mac)
      values (${newId()}, ${organisationId}, now(), 'person', ${person.id}, ${person.email}, 'device.changed', 'device', 'teddy-esp32-x', 'Teddy', '{"name":"Teddy"}', 'done', '203.0.113.77', 'Firefox', '\\x00')`);
    await db.query(sql`
      insert into enrolment_codes (id, organisation_id, name, code_hash, max_uses, readmits, created_by, expires_at)
      values (${newId()}, ${organisationId}, 'Beds', sha256(${Buffer.from(newId())}), 1, false, ${person.email}, now())`);
    const deviceId = `d-${newId()}`;
    await addDevice(db, organisationId, deviceId, secret);
    await acknowledge(db, organisationId, deviceId, person);
  }
  await db.query(sql`
    insert into flags (key, type, about, setting, changed_by) values (${`flag.${person.id}`}, 'boolean', 'A flag', '{}', ${person.email})`);
}

/** An alarm that somebody acknowledged with a note, with all that tells of it. */
async function acknowledge(db: Db, organisationId: string, deviceId: string, person: TestPerson): Promise<void> {
  const alarmId = newId();
  await db.query(sql`
    insert into alarms (id, organisation_id, source, type, device_id, kind, severity, worst_severity, state, holds, raised_at, last_at, turned_at,
      acknowledged_at, acknowledged_by)
    values (${alarmId}, ${organisationId}, ${deviceId}, 'offline', ${deviceId}, 'offline', 'warning', 'warning', 'acknowledged', true, now(), now(), now(),
      now(), ${person.email})`);
  await db.query(sql`
    insert into alarm_entries (id, organisation_id, alarm_id, what, by, detail)
    values (${newId()}, ${organisationId}, ${alarmId}, 'acknowledged', ${person.email}, ${`${person.name} looks after it, ask ${person.email.toUpperCase()}`})`);
  await db.query(sql`
    insert into events (id, organisation_id, type, noun_id, data)
    values (${newId()}, ${organisationId}, 'alarm.acknowledged', ${alarmId}, ${JSON.stringify({ deviceId, acknowledgedBy: person.email })})`);
  await addTicket(db, organisationId, alarmId, person);
  // An inbox goes with the membership.
  await db.query(sql`
    insert into inbox_entries (id, organisation_id, person_id, what, title, text, count, alarm_id, device_ids, is_about_all, at)
    select ${newId()}::uuid, m.organisation_id, m.person_id, 'alarm.raised', 'Alarm', ${`told ${person.email}`}, 1, ${alarmId}::uuid,
      array[${deviceId}::text], false, now()
    from memberships m where m.organisation_id = ${organisationId} and m.person_id = ${person.id}::uuid`);
  const deliveryId = newId();
  await db.query(sql`
    insert into deliveries (id, organisation_id, target_name, kind, alarm_id, what, body, state)
    values (${deliveryId}, ${organisationId}, 'Family', 'webhook', ${alarmId}, 'alarm.raised', ${JSON.stringify({ text: `told ${person.email}`, device: { id: deviceId, name: "Teddy" } })}, 'delivered')`);
  await db.query(sql`
    insert into delivery_attempts (id, organisation_id, delivery_id, at, outcome, duration_ms) values (${newId()}, ${organisationId}, ${deliveryId}, now(), 'delivered', 3)`);
}

/** The work on an alarm, made by and given to somebody, who says so. */
async function addTicket(
  db: Db,
  organisationId: string,
  alarmId: string,
  { name, email }: Pick<TestPerson, "name" | "email">,
): Promise<void> {
  const ticketId = newId();
  await db.query(sql`
    insert into tickets (id, organisation_id, alarm_id, title, kind, priority, status, assigned_to, created_at, created_by, changed_at, respond_by,
      resolve_by)
    values (${ticketId}, ${organisationId}, ${alarmId}, 'Teddy: offline', 'outage', 'low', 'open', ${email}, now(), ${email}, now(), now(), now())`);
  await db.query(sql`
    insert into ticket_entries (id, organisation_id, ticket_id, what, by, detail)
    values (${newId()}, ${organisationId}, ${ticketId}, 'message', ${email}, ${`${name} drives there, ask ${email}`})`);
}

/** A device with something in every table that can hold something of it. */
async function addDevice(db: Db, organisationId: string, id: string, secret: string): Promise<number> {
  const bytes = Buffer.from(`${secret}-${id}`);
  const [row] = await db.query<{ key: number }>(sql`
    insert into devices (id, organisation_id, name, kind, attributes, claim_secret_sealed)
    values (${id}, ${organisationId}, 'Teddy', 'generic', '{"owner":"a child"}', ${bytes}) returning key`);
  const key = row?.key ?? 0;
  const [series] = await db.query<{ key: number }>(
    sql`insert into series (device_key, organisation_id, metric) values (${key}, ${organisationId}, 'temperature') returning key`,
  );
  const seriesKey = series?.key ?? 0;
  const ruleId = newId();
  const groupId = newId();
  const alarmId = newId();
  const deliveryId = newId();
  await db.query(sql`insert into device_groups (id, organisation_id, name) values (${groupId}, ${organisationId}, ${groupId})`);
  await db.query(
    sql`insert into device_group_members (group_id, device_id, organisation_id) values (${groupId}, ${id}, ${organisationId})`,
  );
  await db.query(
    sql`insert into home_assistant_devices (device_id, organisation_id, found_id, metrics) values (${id}, ${organisationId}, 'ab12', '[]')`,
  );
  await db.query(
    sql`insert into device_credentials (id, device_id, organisation_id, secret_hash) values (${newId()}, ${id}, ${organisationId}, ${bytes})`,
  );
  await db.query(
    sql`insert into claims (device_id, nonce, hmac, credential_id, answer_sealed) values (${id}, ${bytes}, ${bytes}, ${newId()}, ${bytes})`,
  );
  await db.query(sql`
    insert into device_transfers (id, organisation_id, direction, device_id, device_name, state, code_hash, by_name)
    values (${newId()}, ${organisationId}, 'out', ${id}, 'Teddy', 'offered', ${bytes}, 'nobody@example.org')`);
  await db.query(sql`
    insert into commands (id, organisation_id, device_id, name, params, by_kind, by_id, by_name, expires_at, due_at)
    values (${newId()}, ${organisationId}, ${id}, 'sing', '{"song": "Teddy"}', 'person', 'nobody', 'nobody@example.org', now(), now())`);
  await db.query(sql`
    insert into device_configurations (device_id, organisation_id, version, changed_by) values (${id}, ${organisationId}, 2, 'nobody@example.org')`);
  await db.query(sql`insert into claim_tries (device_id) values (${id})`);
  await db.query(sql`
    insert into registrations (id, organisation_id, device_id, mac, kind, secret_hash, wrong_code, remote_address, counted_as, times, first_at,
      expires_at)
    values (${newId()}, ${organisationId}, ${id}, '240ac4123456', 'garden-node', sha256(${bytes}), false, '203.0.113.77', '203.0.113.77', 1, now(),
      now())`);
  await db.query(sql`
    insert into retained_messages (topic, device_id, organisation_id, payload, qos) values (${`devices/${id}/status`}, ${id}, ${organisationId}, 'online', 1)`);
  await db.query(sql`
    insert into device_events (id, organisation_id, device_id, type, data, measured_at, received_at)
    values (${newId()}, ${organisationId}, ${id}, 'door.opened', '{}', now(), now())`);
  await db.query(sql`
    insert into ingest_rejects (id, organisation_id, device_id, code, topic, excerpt, minute_at, first_at, last_at) values
      (${newId()}, ${organisationId}, ${id}, 'ingest.malformed', ${`devices/${id}/telemetry`}, 'Teddy says', now(), now(), now()),
      (${newId()}, null, null, 'ingest.unknown_device', ${`devices/${id}/telemetry`}, 'Teddy said', now(), now(), now())`);
  await db.query(
    sql`insert into alarm_rules (id, organisation_id, device_id, condition, severity) values (${ruleId}, ${organisationId}, ${id}, '{"kind": "threshold", "metric": "temperature", "above": 30, "hysteresis": 0, "forSeconds": 0, "count": 1}', 'info')`,
  );
  await db.query(sql`
    insert into alarms (id, organisation_id, source, type, device_id, kind, severity, worst_severity, state, holds, raised_at, last_at, turned_at)
    values (${alarmId}, ${organisationId}, ${id}, 'rule', ${id}, 'above', 'info', 'info', 'cleared', false, now(), now(), now())`);
  await addTicket(db, organisationId, alarmId, { name: "Nobody", email: "nobody@example.org" });
  await db.query(sql`
    insert into alarm_rule_versions (rule_id, organisation_id, version, by, what, fields) values (${ruleId}, ${organisationId}, 1, 'Roost', 'added', '{}')`);
  const incidentId = newId();
  await db.query(sql`
    insert into incidents (id, organisation_id, key, title, opened_at, last_at)
    values (${incidentId}, ${organisationId}, ${`device:${id}`}, 'Teddy', now(), now())`);
  await db.query(sql`
    insert into incident_entries (id, organisation_id, incident_id, what, by, detail)
    values (${newId()}, ${organisationId}, ${incidentId}, 'commented', 'Roost', 'Teddy is away')`);
  await db.query(sql`
    insert into external_alarms (id, organisation_id, device_id, channel, key, source, type, severity, title, starts_at, updated_at)
    values (${newId()}, ${organisationId}, ${id}, 'webhook', ${id}, ${id}, 'external:door', 'info', 'Door', now(), now())`);
  await db.query(
    sql`insert into alarm_entries (id, organisation_id, alarm_id, what) values (${newId()}, ${organisationId}, ${alarmId}, 'raised')`,
  );
  await db.query(sql`
    insert into deliveries (id, organisation_id, target_name, kind, alarm_id, what, body, state)
    values (${deliveryId}, ${organisationId}, 'Family', 'webhook', ${alarmId}, 'alarm.raised', ${JSON.stringify({ text: "told", device: { id, name: "Teddy" } })}, 'delivered')`);
  await db.query(sql`
    insert into delivery_attempts (id, organisation_id, delivery_id, at, outcome, duration_ms) values (${newId()}, ${organisationId}, ${deliveryId}, now(), 'delivered', 3)`);
  await db.query(sql`
    insert into inbox_entries (id, organisation_id, person_id, what, title, text, count, alarm_id, device_ids, is_about_all, at)
    select ${newId()}::uuid, m.organisation_id, m.person_id, 'digest', '2 more alarms', 'Teddy and another', 2, null, array['another', ${id}::text], false, now()
    from memberships m where m.organisation_id = ${organisationId} order by m.id limit 1`);
  await db.query(sql`insert into notification_actions (delivery_id, organisation_id) values (${deliveryId}, ${organisationId})`);
  await db.query(sql`
    insert into events (id, organisation_id, type, noun_id, data) values
      (${newId()}, ${organisationId}, 'device.added', ${id}, '{}'),
      (${newId()}, ${organisationId}, 'alarm.raised', ${alarmId}, ${JSON.stringify({ deviceId: id, deviceName: "Teddy" })})`);
  await db.query(sql`insert into telemetry_hours values (${key}, ${seriesKey}, now(), 1, 1, 1, 1)`);
  await db.query(sql`insert into telemetry_days values (${key}, ${seriesKey}, now(), 1, 1, 1, 1)`);
  await db.query(sql`
    insert into chunks (device_key, series_key, hour_at, axis_key, n, has_seqs) values (${key}, ${seriesKey}, now(), ${seriesKey}, 0, false)`);
  await db.query(sql`
    insert into audit_entries (id, organisation_id, at, actor_kind, actor_id, actor_name, action, object_kind, object_id, outcome, mac)
    values (${newId()}, ${organisationId}, now(), 'system', 'roost', 'Roost', 'device.added', 'device', ${id}, 'done', '\\x00')`);
  return key;
}
