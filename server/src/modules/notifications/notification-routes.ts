import {
  addNotificationTarget,
  changeNotificationTarget,
  listDeliveries,
  listNotificationTargets,
  removeNotificationTarget,
  testNotificationTarget,
} from "@roost/contract/notifications";

import type { Mount } from "../../platform/http/mount.ts";
import type { Notifications } from "./notifications.ts";

/** Ties the routes of `contract/src/notifications.ts` to the face. */
export function mountNotifications(mount: Mount, notifications: Notifications): void {
  mount(listNotificationTargets, async ({ query, caller }) => notifications.listTargets(caller, query));
  mount(addNotificationTarget, async ({ body, caller }) => notifications.addTarget(caller, body));
  mount(changeNotificationTarget, async ({ params, body, caller }) => notifications.changeTarget(caller, params.targetId, body));
  mount(removeNotificationTarget, async ({ params, caller }) => notifications.removeTarget(caller, params.targetId));
  mount(testNotificationTarget, async ({ params, caller }) => notifications.testTarget(caller, params.targetId));
  mount(listDeliveries, async ({ query, caller }) => notifications.listDeliveries(caller, query));
}
