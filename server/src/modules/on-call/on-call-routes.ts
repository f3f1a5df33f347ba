import * as contract from "@roost/contract/on-call";

import type { Mount } from "../../platform/http/mount.ts";
import type { OnCall } from "./on-call.ts";

/** Ties the routes of `contract/src/on-call.ts` to the face. */
export function mountOnCall(mount: Mount, onCall: OnCall): void {
  mount(contract.listOnCallSchedules, async ({ caller }) => ({ items: await onCall.list(caller) }));
  mount(contract.addOnCallSchedule, async ({ caller, body }) => onCall.add(caller, body));
  mount(contract.changeOnCallSchedule, async ({ caller, params, body }) => onCall.change(caller, params.scheduleId, body));
  mount(contract.removeOnCallSchedule, async ({ caller, params }) => onCall.remove(caller, params.scheduleId));
  mount(contract.listOnCallTurns, async ({ caller, query }) => ({ items: await onCall.turns(caller, query) }));
  mount(contract.listOnCallOverrides, async ({ caller, params }) => ({ items: await onCall.listOverrides(caller, params.scheduleId) }));
  mount(contract.addOnCallOverride, async ({ caller, params, body }) => onCall.addOverride(caller, params.scheduleId, body));
  mount(contract.removeOnCallOverride, async ({ caller, params }) => onCall.removeOverride(caller, params.overrideId));
  mount(contract.listOnCallFeeds, async ({ caller }) => ({ items: await onCall.listFeeds(caller) }));
  mount(contract.addOnCallFeed, async ({ caller, body, request }) => {
    request.setHeader("cache-control", "no-store");
    const feed = await onCall.addFeed(caller, body);
    const base = `/api/v1/on-call/feeds/${feed.token}`;
    return { ...feed, calendar: `${base}/calendar.ics`, rss: `${base}/rss.xml`, atom: `${base}/atom.xml` };
  });
  mount(contract.removeOnCallFeed, async ({ caller, params }) => onCall.removeFeed(caller, params.feedId));
  mount(contract.readOnCallCalendar, async ({ params }) => ({ body: await onCall.readFeed(params.token, "calendar") }));
  mount(contract.readOnCallRss, async ({ params }) => ({ body: await onCall.readFeed(params.token, "rss") }));
  mount(contract.readOnCallAtom, async ({ params }) => ({ body: await onCall.readFeed(params.token, "atom") }));
}
