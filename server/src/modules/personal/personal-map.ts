import { identifier, sql } from "@roost/contract/sql";
import { deviceTopics } from "@roost/contract/topics";

import { alarmShares } from "./personal-map-alarms.ts";
import { device, deviceKey, erasedWith, here, mine } from "./personal-share.ts";
import type { TableShare } from "./personal-share.ts";

/** Things of the platform that say in words who did them. */
function platformWords(table: string, about: string, by: string, ...more: readonly string[]): TableShare {
  return {
    table,
    about,
    words: [by, ...more],
    isPlatforms: true,
    withheld: table === "data_keys" ? ["wrapped"] : table === "session_keys" ? ["sealed"] : [],
    account: { rows: ({ email }) => sql`lower(t.${identifier(by)}) = lower(${email ?? null}::text)`, erase: "name" },
  };
}

/** What all topics of a device begin with. */
function topicsBelow(id: string): string {
  const { telemetry } = deviceTopics(id);
  return telemetry.slice(0, telemetry.lastIndexOf("/") + 1);
}

/** What people and devices leave behind, table by table, in the order in which it is erased. */
export const platformShares: readonly TableShare[] = [
  {
    table: "idempotency_keys",
    about: "When the person, or a token of theirs, sent requests with a key against doing them twice. Gone within a day.",
    withheld: ["key_digest", "request_digest", "rights_digest", "answer_sealed"],
    // Before their tokens, by which the rows of those are found.
    person: {
      rows: (s) =>
        sql`${here(s)} and (t.caller_id = ${s.id}::uuid or t.caller_id in (select a.id from api_tokens a where a.person_id = ${s.id}::uuid))`,
      erase: "delete",
    },
  },
  {
    table: "api_tokens",
    about: "API tokens the person made in this organisation, without their secrets.",
    withheld: ["secret_hash"],
    person: { rows: (s) => sql`${here(s)} and ${mine()(s)}`, erase: "delete" },
  },
  {
    table: "memberships",
    about: "What the person may in the organisation: role, where it holds, until when.",
    person: { rows: (s) => sql`${here(s)} and ${mine()(s)}`, erase: "delete" },
  },
  {
    table: "invitations",
    about: "Invitations sent to the person, made by them, or accepted by them.",
    withheld: ["secret_hash"],
    person: {
      rows: (s) =>
        sql`${here(s)} and (lower(t.email) = lower(${s.email ?? null}::text) or t.invited_by = ${s.id}::uuid or t.accepted_by = ${s.id}::uuid)`,
      erase: "delete",
    },
  },
  {
    table: "support_grants",
    about: "Times in which the person was let in as a platform administrator, or let one in.",
    words: ["person_email", "person_name", "settled_by_email"],
    person: { rows: (s) => sql`${here(s)} and (t.person_id = ${s.id}::uuid or t.settled_by = ${s.id}::uuid)`, erase: "name" },
  },
  {
    table: "organisation_removals",
    about: "That the person asked for the organisation to be removed.",
    words: ["requested_by_email"],
    person: { rows: (s) => sql`${here(s)} and t.requested_by = ${s.id}::uuid`, erase: "name" },
  },
  ...alarmShares,
  {
    table: "events",
    about: "Facts the platform noted: claimed, changed, online, offline, alarms.",
    words: ["data"],
    device: {
      rows: (s) => sql`${here(s)} and (t.noun_id = ${s.id} or t.data ->> 'deviceId' = ${s.id} or t.data ->> 'formerDeviceId' = ${s.id}
          or t.data -> 'deviceIds' ? ${s.id})`,
      erase: "delete",
    },
  },
  {
    table: "ingest_rejects",
    about: "What the device sent and Roost refused, with the beginning of it.",
    device: {
      // Before a device is known, what is refused under its name hangs on no device.
      rows: ({ id, organisationId }) =>
        sql`t.device_id = ${id} or (coalesce(t.organisation_id, ${organisationId}::uuid) = ${organisationId}::uuid and starts_with(t.topic, ${topicsBelow(id)}))`,
      erase: "delete",
    },
  },
  {
    table: "retained_messages",
    about: "The latest retained messages of the device.",
    device: { rows: device, erase: "delete" },
  },
  { table: "device_events", about: "What the device told by its event topic.", device: { rows: device, erase: "delete" } },
  {
    table: "commands",
    about: "What the device was told to do, by whom, and what it answered.",
    withheld: ["idempotency_key"],
    words: ["by_name"],
    person: { rows: (s) => sql`${here(s)} and (t.by_id = ${s.id} or lower(t.by_name) = lower(${s.email ?? null}::text))`, erase: "name" },
    device: { rows: device, erase: "delete" },
  },
  {
    table: "device_configurations",
    about: "What the device is to be set to, and what it says it is set to.",
    words: ["changed_by"],
    person: { rows: (s) => sql`${here(s)} and lower(t.changed_by) = lower(${s.email ?? null}::text)`, erase: "name" },
    device: { rows: device, erase: "delete" },
  },
  {
    table: "device_credentials",
    about: "When the device got passwords, and how long they work; not what they are.",
    withheld: ["secret_hash"],
    device: { rows: device, erase: "delete" },
  },
  {
    table: "claims",
    about: "When the device was claimed, and with what firmware.",
    withheld: ["nonce", "hmac", "answer_sealed"],
    device: { rows: device, erase: "delete" },
  },
  {
    table: "claim_tries",
    about: "When somebody tried to claim the device in the last minutes.",
    device: { rows: device, erase: "delete", notExported: "Gone after a minute." },
  },
  {
    table: "device_transfers",
    about: "Offers of the device to another organisation, and takings over.",
    withheld: ["code_hash"],
    words: ["by_name"],
    person: { rows: (s) => sql`${here(s)} and lower(t.by_name) = lower(${s.email ?? null}::text)`, erase: "name" },
    // The other organisation keeps its own record.
    device: { rows: (s) => sql`${here(s)} and t.device_id = ${s.id}`, erase: "delete" },
  },
  {
    table: "registrations",
    about: "That the device asks to be let in: from which address, and how often. Gone within a day.",
    withheld: ["secret_hash"],
    words: ["remote_address"],
    device: { rows: (s) => sql`${here(s)} and t.device_id = ${s.id}`, erase: "delete" },
  },
  {
    table: "enrolment_codes",
    about: "Codes by which new devices come in that the person made, without the codes.",
    withheld: ["code_hash"],
    words: ["created_by"],
    person: { rows: (s) => sql`${here(s)} and lower(t.created_by) = lower(${s.email ?? null}::text)`, erase: "name" },
  },
  {
    table: "home_assistant_devices",
    about: "That the device was taken in from Home Assistant, and which of its values.",
    device: { rows: device, erase: "delete" },
  },
  { table: "device_group_members", about: "Groups the device belongs to.", device: { rows: device, erase: "delete" } },
  {
    table: "hot_samples",
    about: "Values of the last hours.",
    device: { rows: deviceKey, erase: "delete", notExported: "Its values are in samples.csv." },
  },
  {
    table: "chunks",
    about: "Values of hours that are over.",
    device: { rows: deviceKey, erase: "delete", notExported: "Its values are in samples.csv." },
  },
  { table: "telemetry_hours", about: "Least, greatest and mean value of each hour.", device: { rows: deviceKey, erase: "delete" } },
  { table: "telemetry_days", about: "Least, greatest and mean value of each day.", device: { rows: deviceKey, erase: "delete" } },
  {
    table: "series",
    about: "What the device measures, with units and limits.",
    device: { rows: deviceKey, erase: "with", why: erasedWith("devices") },
  },
  {
    table: "devices",
    about: "The device itself, what it is there for, and the texts it told about itself.",
    words: ["purpose"],
    withheld: ["claim_secret_sealed"],
    device: { rows: (s) => sql`${here(s)} and t.id = ${s.id}`, erase: "delete" },
  },
  {
    table: "audit_entries",
    about: "Who did what: the person to anything, anybody to the person or the device.",
    withheld: ["mac", "erased_mac"],
    account: {
      rows: (s) => sql`t.organisation_id is null and (t.actor_id = ${s.id} or (t.object_kind = 'person' and t.object_id = ${s.id}))`,
      erase: "keep",
      why: "The audit trail says what was done, when, and by which id; names, addresses and programs are taken out of it.",
    },
    person: {
      rows: (s) => sql`${here(s)} and (t.actor_id = ${s.id} or (t.object_kind = 'person' and t.object_id = ${s.id}))`,
      erase: "keep",
      why: "The audit trail says what was done, when, and by which id; names, addresses and programs are taken out of it.",
    },
    device: {
      rows: (s) =>
        sql`${here(s)} and ((t.object_kind = 'device' and t.object_id = ${s.id}) or (t.actor_kind = 'device' and t.actor_id = ${s.id}))`,
      erase: "keep",
      why: "The audit trail says that the device was here and who did what to it; what it was called is taken out.",
    },
  },
  {
    table: "audit_archives",
    about: "Entries of the audit trail whose time in it is over, packed.",
    withheld: ["content", "mac"],
  },
  {
    table: "erasures",
    about: "That an erasure was asked for, and what it did.",
    withheld: ["sought"],
    person: {
      rows: (s) => sql`${here(s)} and (t.subject_id = ${s.id} or t.requested_by = ${s.id})`,
      erase: "keep",
      why: "The record of an erasure is the proof that it was done; it names nobody.",
    },
    device: {
      rows: (s) => sql`${here(s)} and t.subject = 'device' and t.subject_id = ${s.id}`,
      erase: "keep",
      why: "The record of an erasure is the proof that it was done.",
    },
  },
  {
    table: "sessions",
    about: "Where the person is signed in: since when, from which address, with which program.",
    withheld: ["token", "access_hash"],
    account: {
      rows: mine(),
      erase: "delete",
      inOrganisation: (s) => sql`t.person_id = ${s.id}::uuid and t.active_organisation_id = ${s.organisationId}::uuid`,
    },
  },
  {
    table: "refresh_tokens",
    about: "Programs that stay signed in, without their tokens.",
    withheld: ["secret_hash"],
    account: {
      rows: ({ id }) => sql`t.session_id in (select s.id from sessions s where s.person_id = ${id}::uuid)`,
      erase: "with",
      why: erasedWith("sessions"),
    },
  },
  {
    table: "accounts",
    about: "Ways to sign in: by password, or by whom else. Neither the password's hash nor tokens.",
    withheld: ["password", "access_token", "refresh_token", "id_token"],
    account: { rows: mine(), erase: "delete" },
  },
  {
    table: "second_factors",
    about: "Whether an authenticator app is asked for; neither its secret nor recovery codes.",
    withheld: ["secret", "recovery_codes"],
    account: { rows: mine(), erase: "delete" },
  },
  {
    table: "used_codes",
    about: "When one-time codes were used.",
    withheld: ["code_hash"],
    account: { rows: mine(), erase: "delete" },
  },
  {
    table: "passkeys",
    about: "Passkeys: their names and kinds.",
    withheld: ["public_key", "credential_id"],
    account: { rows: mine(), erase: "delete" },
  },
  {
    table: "password_resets",
    about: "Links to set a new password that were asked for, without the links.",
    withheld: ["secret_hash"],
    account: { rows: mine(), erase: "delete" },
  },
  {
    table: "single_sign_ons",
    about: "Sign-ins by a provider that are under way.",
    withheld: ["state_hash", "browser_hash", "nonce", "code_verifier"],
    account: { rows: mine(), erase: "delete" },
  },
  {
    table: "verifications",
    about: "Proofs that are waited for, such as of an address.",
    withheld: ["value"],
    account: { rows: ({ id, email }) => sql`t.identifier in (${id}, ${email ?? null}::text)`, erase: "delete" },
  },
  platformWords("flags", "Feature flags the person changed last.", "changed_by"),
  platformWords("flag_changes", "Changes of feature flags by the person.", "by", "why"),
  platformWords("rollout_plans", "Rollout plans the person made.", "created_by", "why"),
  platformWords("rollout_entries", "What the person did with rollout plans.", "by", "why"),
  platformWords("data_keys", "Keys of the installation the person had made; not the keys.", "made_by"),
  platformWords("session_keys", "Keys of sessions the person had made; not the keys.", "made_by"),
  {
    table: "people",
    about: "The account: name, e-mail address, since when.",
    account: { rows: mine(sql`t.id`), erase: "delete", inOrganisation: mine(sql`t.id`) },
  },
];

/** Tables without anything of a person or a device, each with the reason. */
export const impersonal: Readonly<Record<string, string>> = {
  organisations: "An organisation is nobody.",
  setup: "Says that the first start is over. The first administrator's id in it is cut off when they go.",
  auth_keys: "Keys of the installation.",
  kit_switches: "Which kits an organisation uses, and how it set them.",
  blobs:
    "Files of the organisation, such as photos of its plants; what of them is of a person or a device goes with the row that names them.",
  sites: "Places, named by the organisation.",
  device_groups: "Groups, named by the organisation.",
  service_levels: "What is promised of services, named by the organisation.",
  service_breaches: "Which promise was not kept, when and by how much; of an alarm its id alone.",
  watched_spans: "When this installation ran.",
  roles: "Roles, named by the organisation.",
  sign_in_providers: "Who vouches for people, not people.",
  event_cursors: "How far the handlers of facts are.",
  hot_segments: "How the hot samples are split.",
  segment_writers: "Who writes hot samples.",
  retention_policies: "How long things are kept.",
  retention_marks: "Until when things were retired.",
  window_occurrences: "When maintenance windows began and ended.",
  external_alarm_watch: "Until when somebody listened to other systems.",
  push_keys: "What browsers know this installation by, sealed.",
  dead_man_switches: "Who outside the organisation is told that all is well, sealed.",
  delivery_silences: "Since when no notice arrives.",
  home_assistant_bridges: "Which broker Home Assistant listens to, and as whom Roost signs in there; the password sealed.",
  on_call_schedules: "When people hand over; who they are stands in on_call_members.",
  on_call_feeds: "Addresses of calendars, by their hashes.",
  notification_routes: "By which ways alarms reach people; people stand there by id alone.",
  escalation_chains: "Who is told after whom; people stand there by id alone.",
  notification_settings: "How many messages are made of many alarms.",
  tellings: "Which target was told of which alarm; goes with both.",
  escalations: "How far alarms are in chains; goes with the alarm.",
  audit_links: "Hashes of the audit trail.",
  audit_chain: "Where the audit trail ends.",
  audit_checkpoints: "Signatures of the audit trail.",
  audit_keys: "Keys of the audit trail, sealed.",
  rate_counts: "Counts by hashed keys, gone within the hour.",
  rate_guesses: "Counts by hashed keys, gone within the hour.",
  flag_revision: "Counts changes of flags.",
  rollout_plan_flags: "Which flags a plan moves.",
  audit_retirements: "Up to where the audit trail was retired.",
  secret_sightings: "When the installation's secrets changed.",
  reseal_findings: "What could not be sealed anew.",
  schema_migrations: "Which migrations were applied.",
};
