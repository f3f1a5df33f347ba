import * as preferences from "@roost/contract/preferences";
import * as routing from "@roost/contract/routing";

import type { Mount } from "../../platform/http/mount.ts";
import type { Notifications } from "./notifications.ts";

/** Ties the routes of `contract/src/routing.ts` and `preferences.ts` to the face. */
export function mountRouting(mount: Mount, notifications: Notifications): void {
  const { routing: routes, subscriptions } = notifications;
  mount(routing.listRoutes, async ({ caller }) => ({ items: await routes.listRoutes(caller) }));
  mount(routing.addRoute, async ({ caller, body }) => routes.addRoute(caller, body));
  mount(routing.changeRoute, async ({ caller, params, body }) => routes.changeRoute(caller, params.routeId, body));
  mount(routing.removeRoute, async ({ caller, params }) => routes.removeRoute(caller, params.routeId));
  mount(routing.orderRoutes, async ({ caller, body }) => ({ items: await routes.orderRoutes(caller, body.routeIds) }));
  mount(routing.previewRoutes, async ({ caller, body }) => routes.preview(caller, body));
  mount(routing.listChains, async ({ caller }) => ({ items: await routes.listChains(caller) }));
  mount(routing.addChain, async ({ caller, body }) => routes.addChain(caller, body));
  mount(routing.changeChain, async ({ caller, params, body }) => routes.changeChain(caller, params.chainId, body));
  mount(routing.removeChain, async ({ caller, params }) => routes.removeChain(caller, params.chainId));
  mount(routing.getNotificationSettings, async ({ caller }) => routes.getSettings(caller));
  mount(routing.changeNotificationSettings, async ({ caller, body }) => routes.changeSettings(caller, body));

  mount(preferences.getMyPreferences, async ({ caller }) => notifications.preferences.get(caller));
  mount(preferences.changeMyPreferences, async ({ caller, body }) => notifications.preferences.change(caller, body));
  mount(preferences.listSubscriptions, async ({ caller }) => ({ items: await subscriptions.list(caller) }));
  mount(preferences.addSubscription, async ({ caller, body }) => subscriptions.add(caller, body));
  mount(preferences.removeSubscription, async ({ caller, params }) => subscriptions.remove(caller, params.subscriptionId));
  mount(preferences.confirmSubscription, async ({ body }) => {
    await subscriptions.confirm(body.token);
    return { state: "confirmed" as const };
  });
  mount(preferences.endSubscription, async ({ body }) => {
    await subscriptions.end(body.token);
    return { state: "ended" as const };
  });
}
