import { addOnCallFeed, addOnCallOverride, addOnCallSchedule } from "@roost/contract/on-call";
import { addChain, addRoute, changeNotificationSettings } from "@roost/contract/routing";

import { eachByItself } from "../each-by-itself.ts";
import type { Place } from "./callers.ts";
import { noToken, wholeOrganisation } from "./expectation.ts";
import type { Expectations, Refusal } from "./expectation.ts";
import type { Ids, World } from "./stage.ts";

type Building = Omit<World, "close">;

const noSchedule: Refusal = [404, "on_call.not_found"];
const noRoute: Refusal = [404, "routing.route_not_found"];
const noChain: Refusal = [404, "routing.chain_not_found"];
const noSubscription: Refusal = [404, "preferences.subscription_not_found"];
const noFeed: Refusal = [404, "on_call.feed_not_found"];
const dayMs = 86_400_000;
const id = (name: string) => (ids: Ids) => ids[name] ?? "";

function rotation(ids: Ids, name: string) {
  const shift = "daily" as const;
  return { name, timeZone: "UTC", handOverTime: "08:00", shift, startsOn: "2026-01-05", people: [id("personId")(ids)] };
}

/** Far enough apart that no two of them overlap. */
function stretch(world: Pick<Building, "next">) {
  const from = Date.now() + world.next() * dayMs;
  return { from: new Date(from).toISOString(), to: new Date(from + dayMs / 2).toISOString() };
}

// What routes of a matrix are for never happens: its alarms reach who they reached before.
const never = { type: "never:*" };
const chainBody = (ids: Ids, name: string) => ({
  name,
  steps: [{ afterMinutes: 5, to: [{ kind: "person" as const, personId: id("personId")(ids) }] }],
});
const routeBody = (ids: Ids, name: string) => ({
  name,
  match: never,
  to: [{ kind: "person" as const, personId: id("personId")(ids) }],
});

/** A schedule with an override, a route, a chain and a subscription of a place. */
export async function addRouting(world: Building, place: Place, ids: Ids): Promise<Ids> {
  const call = world.owner(place);
  const { word = "", organisationId = "" } = world.places[place];
  await call(changeNotificationSettings, { body: eachByItself });
  const schedule = await call(addOnCallSchedule, { body: rotation(ids, `${word} schedule`) });
  const params = { scheduleId: schedule.id };
  const override = await call(addOnCallOverride, { params, body: { personId: id("personId")(ids), ...stretch(world), reason: "a swap" } });
  const feed = await call(addOnCallFeed, { body: { name: `${word} feed` } });
  const chain = await call(addChain, { body: chainBody(ids, `${word} chain`) });
  const route = await call(addRoute, { body: routeBody(ids, `${word} route`) });
  const subscriptionId = await addSubscription(world, organisationId, `subscriber@${word}.example`);
  return {
    scheduleId: schedule.id,
    overrideId: override.id,
    feedId: feed.id,
    chainId: chain.id,
    routeId: route.id,
    subscriptionId,
  };
}

/** As it stands after the question was mailed: the matrix' server sends no mail. */
async function addSubscription(world: Building, organisationId: string, email: string): Promise<string> {
  const { rows } = await world.sql.query<{ id: string }>(
    `insert into mail_subscriptions (id, organisation_id, email, min_severity, confirm_hash, expires_at, end_hash, created_by)
     values (gen_random_uuid(), $1, $2, 'info', sha256(gen_random_uuid()::text::bytea), now() + interval '1 day',
       sha256(gen_random_uuid()::text::bytea), 'somebody') returning id`,
    [organisationId, email],
  );
  return rows[0]?.id ?? "";
}

const removing = (table: string) => async (world: World, _place: Place, answer: string) => {
  await world.sql.query(`delete from ${table} where id = $1`, [(JSON.parse(answer) as { id: string }).id]);
};
const organisation = { object: "organisation" as const, except: [wholeOrganisation] };
const own = { object: "self" as const, except: [noToken([403, "preferences.person_needed"])] };

/** Who is on call, and by which ways alarms reach people. */
export const routingExpectations: Expectations = {
  listOnCallSchedules: { object: "none", except: [wholeOrganisation], shows: (ids) => [id("scheduleId")(ids)] },
  addOnCallSchedule: {
    object: "none",
    except: [wholeOrganisation],
    body: (ids, world) => rotation(ids, `A schedule ${world.next()}`),
    undo: removing("on_call_schedules"),
  },
  changeOnCallSchedule: {
    ...organisation,
    absent: noSchedule,
    body: (ids) => rotation(ids, `${ids["word"]} schedule`),
  },
  removeOnCallSchedule: {
    ...organisation,
    absent: noSchedule,
    fresh: async (world, place) => {
      const ids = world.places[place];
      const { id: scheduleId } = await world.owner(place)(addOnCallSchedule, { body: rotation(ids, `Gone ${world.next()}`) });
      return { scheduleId };
    },
  },
  listOnCallTurns: {
    object: "none",
    except: [wholeOrganisation],
    query: () => ({ from: new Date().toISOString(), to: new Date(Date.now() + 3 * dayMs).toISOString() }),
    shows: (ids) => [id("scheduleId")(ids)],
  },
  listOnCallOverrides: { ...organisation, absent: noSchedule, shows: (ids) => [id("overrideId")(ids)] },
  addOnCallOverride: {
    ...organisation,
    absent: noSchedule,
    body: (ids, world) => ({ personId: ids["personId"], ...stretch(world), reason: "a swap" }),
    undo: removing("on_call_overrides"),
  },
  removeOnCallOverride: {
    ...organisation,
    absent: [404, "on_call.override_not_found"],
    fresh: async (world, place) => {
      const ids = world.places[place];
      const { id: overrideId } = await world.owner(place)(addOnCallOverride, {
        params: { scheduleId: id("scheduleId")(ids) },
        body: { personId: id("personId")(ids), ...stretch(world), reason: "" },
      });
      return { overrideId };
    },
  },
  listOnCallFeeds: { object: "none", except: [wholeOrganisation], shows: (ids) => [id("feedId")(ids)] },
  addOnCallFeed: {
    object: "none",
    except: [wholeOrganisation],
    body: (_ids, world) => ({ name: `A feed ${world.next()}` }),
    undo: removing("on_call_feeds"),
  },
  removeOnCallFeed: {
    ...organisation,
    absent: noFeed,
    fresh: async (world, place) => ({ feedId: (await world.owner(place)(addOnCallFeed, { body: { name: "Gone" } })).id }),
  },
  readOnCallCalendar: { object: "none", always: noFeed },
  readOnCallRss: { object: "none", always: noFeed },
  readOnCallAtom: { object: "none", always: noFeed },

  listRoutes: { object: "none", except: [wholeOrganisation], shows: (ids) => [id("routeId")(ids)] },
  addRoute: {
    object: "none",
    except: [wholeOrganisation],
    body: (ids, world) => routeBody(ids, `A route ${world.next()}`),
    undo: removing("notification_routes"),
  },
  changeRoute: { ...organisation, absent: noRoute, body: (ids) => routeBody(ids, `${ids["word"]} route`) },
  removeRoute: {
    ...organisation,
    absent: noRoute,
    fresh: async (world, place) => {
      const body = routeBody(world.places[place], `Gone ${world.next()}`);
      return { routeId: (await world.owner(place)(addRoute, { body })).id };
    },
  },
  orderRoutes: { object: "none", except: [wholeOrganisation], body: () => ({ routeIds: [] }), always: [400, "routing.wrong_order"] },
  previewRoutes: { object: "none", except: [wholeOrganisation], body: () => ({ severity: "major" }) },
  listChains: { object: "none", except: [wholeOrganisation], shows: (ids) => [id("chainId")(ids)] },
  addChain: {
    object: "none",
    except: [wholeOrganisation],
    body: (ids, world) => chainBody(ids, `A chain ${world.next()}`),
    undo: removing("escalation_chains"),
  },
  changeChain: { ...organisation, absent: noChain, body: (ids) => chainBody(ids, `${ids["word"]} chain`) },
  removeChain: {
    ...organisation,
    absent: noChain,
    fresh: async (world, place) => {
      const body = chainBody(world.places[place], `Gone ${world.next()}`);
      return { chainId: (await world.owner(place)(addChain, { body })).id };
    },
  },
  getNotificationSettings: { object: "none" },
  changeNotificationSettings: {
    object: "none",
    except: [wholeOrganisation],
    // What waits to be summed up would be told in the middle of somebody else's request.
    body: () => eachByItself,
  },
  getMyPreferences: own,
  changeMyPreferences: { ...own, body: () => ({ hears: "routed", minSeverity: "info", timeZone: "UTC" }) },
  listSubscriptions: { object: "none", except: [wholeOrganisation], shows: (ids) => [id("subscriptionId")(ids)] },
  addSubscription: {
    object: "none",
    except: [wholeOrganisation],
    body: (_ids, world) => ({ email: `reader-${world.next()}@example.org` }),
    always: [409, "mail.off"],
  },
  removeSubscription: {
    ...organisation,
    absent: noSubscription,
    fresh: async (world, place) => {
      const { organisationId = "" } = world.places[place];
      return { subscriptionId: await addSubscription(world, organisationId, `gone-${world.next()}@example.org`) };
    },
  },
  confirmSubscription: { object: "none", body: () => ({ token: "no-such-token" }), always: noSubscription },
  endSubscription: { object: "none", body: () => ({ token: "no-such-token" }), always: noSubscription },
};
