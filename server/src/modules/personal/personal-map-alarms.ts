import { sql } from "@roost/contract/sql";

import { device, erasedWith, here, mine } from "./personal-share.ts";
import type { DeviceSubject, TableShare } from "./personal-share.ts";

/** Incidents of a device alone; those of a site bear its name. */
const ofDevice = (s: DeviceSubject) => sql`${here(s)} and t.key = ${`device:${s.id}`}`;

/** What alarms, and those who hear of them, keep of people and devices, in the order in which it is erased. */
export const alarmShares: readonly TableShare[] = [
  {
    table: "incidents",
    about: "What alarms had in common, with what people found out.",
    words: ["title", "root_cause", "resolution"],
    device: { rows: ofDevice, erase: "delete" },
  },
  {
    table: "incident_entries",
    about: "What people said of alarms that had one cause.",
    words: ["by", "detail"],
    person: { rows: (s) => sql`${here(s)} and lower(t.by) = lower(${s.email ?? null}::text)`, erase: "name" },
    device: {
      rows: (s) => sql`t.incident_id in (select i.id from incidents i where i.key = ${`device:${s.id}`})`,
      erase: "with",
      why: erasedWith("incidents"),
    },
  },
  {
    table: "alarm_views",
    about: "Filters of the alarm list that the person gave a name.",
    person: { rows: (s) => sql`${here(s)} and t.person_id = ${s.id}::uuid`, erase: "delete" },
  },
  {
    table: "alarms",
    about: "Alarms: raised by the device, acknowledged by the person or given to them.",
    words: ["acknowledged_by", "assigned_to", "root_cause", "resolution", "title", "text"],
    person: {
      rows: (s) =>
        sql`${here(s)} and (lower(t.acknowledged_by) = lower(${s.email ?? null}::text) or lower(t.assigned_to) = lower(${s.email ?? null}::text))`,
      erase: "name",
    },
    device: { rows: device, erase: "with", why: erasedWith("devices") },
  },
  {
    table: "alarm_entries",
    about: "What happened to alarms, with the notes of those who acknowledged them.",
    words: ["by", "detail"],
    person: { rows: (s) => sql`${here(s)} and lower(t.by) = lower(${s.email ?? null}::text)`, erase: "name" },
    device: {
      rows: ({ id }) => sql`t.alarm_id in (select a.id from alarms a where a.device_id = ${id})`,
      erase: "with",
      why: erasedWith("alarms"),
    },
  },
  {
    table: "tickets",
    about: "The work on alarms: of the device, made by the person or given to them.",
    words: ["created_by", "assigned_to", "title", "external_reference"],
    person: {
      rows: (s) =>
        sql`${here(s)} and (lower(t.created_by) = lower(${s.email ?? null}::text) or lower(t.assigned_to) = lower(${s.email ?? null}::text))`,
      erase: "name",
    },
    device: {
      rows: ({ id }) => sql`t.alarm_id in (select a.id from alarms a where a.device_id = ${id})`,
      erase: "with",
      why: erasedWith("alarms"),
    },
  },
  {
    table: "ticket_entries",
    about: "What was done with tickets and said of them.",
    words: ["by", "detail"],
    person: { rows: (s) => sql`${here(s)} and lower(t.by) = lower(${s.email ?? null}::text)`, erase: "name" },
    device: {
      rows: ({ id }) => sql`t.ticket_id in (select w.id from tickets w join alarms a on a.id = w.alarm_id where a.device_id = ${id})`,
      erase: "with",
      why: erasedWith("tickets"),
    },
  },
  {
    table: "services",
    about: "Services that the device carries.",
    words: ["name", "customer"],
    device: {
      rows: (s) => sql`${here(s)} and ${s.id} = any(t.device_ids)`,
      erase: "keep",
      why: "It says what was promised to a customer, of other devices too.",
    },
  },
  {
    table: "maintenance_windows",
    about: "Times in which alarms are told to nobody: planned or ended by the person, or about the device by name.",
    words: ["created_by", "cancelled_by", "title", "note"],
    person: {
      rows: (s) =>
        sql`${here(s)} and (lower(t.created_by) = lower(${s.email ?? null}::text) or lower(t.cancelled_by) = lower(${s.email ?? null}::text))`,
      erase: "name",
    },
    device: {
      rows: (s) => sql`${here(s)} and ${s.id} = any(t.device_ids)`,
      erase: "keep",
      why: "It says when people were not told, of other devices too.",
    },
  },
  {
    table: "notification_targets",
    about: "The person's own mailbox, chats, phones and browsers, by name; addresses masked.",
    withheld: ["settings_sealed", "secret_sealed", "address_hash"],
    person: { rows: (s) => sql`${here(s)} and ${mine()(s)}`, erase: "delete" },
  },
  {
    table: "external_alarms",
    about: "What other systems said was wrong with the device, for a day after it was over.",
    words: ["title", "text", "labels", "annotations"],
    device: { rows: device, erase: "delete" },
  },
  {
    table: "on_call_overrides",
    about: "Times in which the person was on call out of turn, or put somebody there.",
    words: ["created_by"],
    person: {
      rows: (s) => sql`${here(s)} and (${mine()(s)} or lower(t.created_by) = lower(${s.email ?? null}::text))`,
      erase: "delete",
    },
  },
  {
    table: "on_call_members",
    about: "Rotations the person takes turns in.",
    person: { rows: (s) => sql`${here(s)} and ${mine()(s)}`, erase: "delete" },
  },
  {
    table: "notification_preferences",
    about: "How the person wants to be told of alarms: from which severity on, quiet hours, daily digest.",
    person: { rows: (s) => sql`${here(s)} and ${mine()(s)}`, erase: "delete" },
  },
  {
    table: "mail_subscriptions",
    about: "Addresses that get mail about alarms: the person's own, and those they asked.",
    withheld: ["confirm_hash", "end_hash"],
    words: ["created_by"],
    person: {
      rows: (s) =>
        sql`${here(s)} and (lower(t.email) = lower(${s.email ?? null}::text) or lower(t.created_by) = lower(${s.email ?? null}::text))`,
      erase: "delete",
    },
  },
  {
    table: "planned_alarms",
    about: "Alarms of the device, as those are told who are to hear of them.",
    words: ["fact"],
    device: {
      rows: (s) => sql`${here(s)} and t.device_id = ${s.id}`,
      erase: "delete",
      notExported: "The alarms themselves are in alarms.json, what was told of them in deliveries.json.",
    },
  },
  {
    table: "deliveries",
    about: "Notices of the device's alarms that were sent or wait to be sent.",
    words: ["body"],
    person: { rows: (s) => sql`${here(s)} and ${mine()(s)}`, erase: "delete" },
    device: { rows: (s) => sql`${here(s)} and t.body -> 'device' ->> 'id' = ${s.id}`, erase: "delete" },
  },
  {
    table: "inbox_entries",
    about: "What the person was told of alarms, in the app; what was told of the device's, among others too.",
    person: { rows: (s) => sql`${here(s)} and ${mine()(s)}`, erase: "delete" },
    device: {
      rows: (s) => sql`${here(s)} and ${s.id} = any(t.device_ids)`,
      erase: "delete",
      notExported: "The alarms themselves are in alarms.json; who was told of them in the app is those people's own.",
    },
    words: ["title", "text"],
  },
  {
    table: "notification_actions",
    about: "That an alarm of the device was acknowledged from a notification.",
    device: {
      rows: (s) =>
        sql`${here(s)} and t.delivery_id in (select d.id from deliveries d where d.organisation_id = ${s.organisationId}::uuid and d.body -> 'device' ->> 'id' = ${s.id})`,
      erase: "with",
      why: erasedWith("deliveries"),
    },
  },
  {
    table: "delivery_attempts",
    about: "Each try to deliver such a notice.",
    device: {
      rows: (s) =>
        sql`${here(s)} and t.delivery_id in (select d.id from deliveries d where d.organisation_id = ${s.organisationId}::uuid and d.body -> 'device' ->> 'id' = ${s.id})`,
      erase: "with",
      why: erasedWith("deliveries"),
    },
  },
  {
    table: "alarm_rules",
    about: "What raises alarms about the device, and who set it last.",
    words: ["name", "title", "text", "changed_by"],
    device: { rows: device, erase: "delete" },
  },
  {
    table: "alarm_rule_versions",
    about: "What the rules were before, and who set that.",
    words: ["by", "fields"],
    device: {
      rows: ({ id }) => sql`t.rule_id in (select r.id from alarm_rules r where r.device_id = ${id})`,
      erase: "with",
      why: erasedWith("alarm_rules"),
    },
  },
  {
    table: "rule_memory",
    about: "Since when the device's values are outside a limit that has not raised yet.",
    device: { rows: device, erase: "delete", notExported: "Made from the values, which are in samples.csv." },
  },
];
