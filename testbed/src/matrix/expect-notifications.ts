import { createECDH, randomUUID } from "node:crypto";

import { setDeadManSwitch } from "@roost/contract/dead-man";
import { addMyTarget } from "@roost/contract/notifications";

import type { Place } from "./callers.ts";
import { noToken, peopleOnly, wholeOrganisation } from "./expectation.ts";
import type { Expectation, Expectations, Refusal } from "./expectation.ts";
import type { Caller, World } from "./stage.ts";

const noTarget: Refusal = [404, "notifications.target_not_found"];

/** A target of the caller's own. */
async function ownTarget(world: World, _place: Place, _caller: Caller, headers: Record<string, string>) {
  const target = await world.callOf(headers)(addMyTarget, {
    body: { kind: "webhook", name: "My own", url: `${world.catcher.url}/own`, minSeverity: "critical" },
  });
  return { targetId: target.id };
}

const removeMade: Expectation["undo"] = async (world, _place, answer) => {
  await world.sql.query("delete from notification_targets where id = $1", [(JSON.parse(answer) as { id: string }).id]);
};
const removeOwn: Expectation["undo"] = async (world) => {
  await world.sql.query("delete from notification_targets where person_id is not null");
};

const noEntry: Refusal = [404, "inbox.entry_not_found"];
const ofPerson = { object: "self" as const, except: [noToken([403, "inbox.person_needed"])] };

/** Something the caller was told. */
async function ownEntry(world: World, place: Place, { personId = "" }: Caller) {
  return { inboxEntryId: await addInboxEntry(world, world.places[place]["organisationId"] ?? "", personId, "An alarm.") };
}

/** Puts something into somebody's inbox. */
export async function addInboxEntry({ sql }: Pick<World, "sql">, organisationId: string, personId: string, text: string): Promise<string> {
  const id = randomUUID();
  await sql.query(
    `insert into inbox_entries (id, organisation_id, person_id, what, title, text, count, device_ids, is_about_all, at)
     values ($1, $2, $3, 'alarm.raised', 'Alarm', $4, 1, '{}', false, now())`,
    [id, organisationId, personId, text],
  );
  return id;
}

/** A delivery that failed for good. */
async function failedDelivery(world: World, place: Place) {
  const { organisationId, targetId } = world.places[place];
  const deliveryId = randomUUID();
  await world.sql.query(
    `insert into deliveries (id, organisation_id, target_id, target_name, kind, what, body, state)
     values ($1, $2, $3, 'A target', 'webhook', 'test', $4, 'failed')`,
    [deliveryId, organisationId, targetId, JSON.stringify({ version: 1, type: "test", at: new Date().toISOString(), text: "A test." })],
  );
  return { deliveryId };
}

function subscription(world: World): object {
  const own = createECDH("prime256v1");
  own.generateKeys();
  const keys = { p256dh: own.getPublicKey().toString("base64url"), auth: "AAAAAAAAAAAAAAAAAAAAAA" };
  return { endpoint: `${world.catcher.url}/push/${world.next()}`, keys };
}

// Switched off, so that nothing of it changes by itself.
const aSwitch = (world: World) => ({ url: `${world.catcher.url}/beat`, everySeconds: 86_400, enabled: false });
const removeSwitches: Expectation["undo"] = async (world) => {
  await world.sql.query("delete from dead_man_switches");
};

/** People's own targets, inboxes, browsers, what is sent again, and who outside misses us. */
export const notificationExpectations: Expectations = {
  listMyTargets: { object: "none", ...peopleOnly },
  addMyTarget: {
    object: "none",
    body: (_ids, world) => ({ kind: "webhook", name: "My own", url: `${world.catcher.url}/own`, minSeverity: "critical" }),
    undo: removeMade,
    ...peopleOnly,
  },
  changeMyTarget: {
    object: "self",
    absent: noTarget,
    fresh: ownTarget,
    body: () => ({ name: "Another name" }),
    undo: removeMade,
    ...peopleOnly,
  },
  removeMyTarget: { object: "self", absent: noTarget, fresh: ownTarget, ...peopleOnly },
  testMyTarget: { object: "self", absent: noTarget, fresh: ownTarget, inTurn: true, undo: removeOwn, ...peopleOnly },
  listInbox: ofPerson,
  countInbox: ofPerson,
  readInbox: { ...ofPerson, body: () => ({}) },
  readInboxEntry: { ...ofPerson, absent: noEntry, fresh: ownEntry },
  archiveInboxEntry: { ...ofPerson, absent: noEntry, fresh: ownEntry },
  replayDelivery: {
    except: [wholeOrganisation],
    object: "organisation",
    absent: [404, "notifications.delivery_not_found"],
    fresh: failedDelivery,
  },
  replayDeliveries: { except: [wholeOrganisation], object: "none", body: () => ({}) },

  getPushKey: { object: "none" },
  addPushSubscription: {
    object: "none",
    body: (_ids, world) => ({ name: "A browser", minSeverity: "critical", subscription: subscription(world) }),
    undo: removeMade,
    ...peopleOnly,
  },
  removePushSubscription: { object: "self", absent: noTarget, fresh: ownTarget, ...peopleOnly },
  useNotificationAction: {
    object: "none",
    body: () => ({ action: "acknowledge", token: "AgAAAAEAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA" }),
    always: [410, "notifications.action_refused"],
  },

  getDeadManSwitch: { object: "none" },
  setDeadManSwitch: { except: [wholeOrganisation], object: "none", body: (_ids, world) => aSwitch(world), undo: removeSwitches },
  removeDeadManSwitch: { except: [wholeOrganisation], object: "none" },
  beatDeadManSwitch: {
    except: [wholeOrganisation],
    object: "none",
    inTurn: true,
    fresh: async (world, place) => {
      await world.owner(place)(setDeadManSwitch, { body: aSwitch(world) });
      return {};
    },
    undo: removeSwitches,
  },
};
