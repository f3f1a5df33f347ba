import { beatDeadManSwitch, getDeadManSwitch, removeDeadManSwitch, setDeadManSwitch } from "@roost/contract/dead-man";
import { httpErrors } from "@roost/contract/errors";
import {
  addMyTarget,
  addNotificationTarget,
  changeMyTarget,
  changeNotificationTarget,
  listDeliveries,
  listMyTargets,
  listNotificationTargets,
  removeMyTarget,
  removeNotificationTarget,
  replayDeliveries,
  replayDelivery,
  testMyTarget,
  testNotificationTarget,
} from "@roost/contract/notifications";
import { addPushSubscription, getPushKey, removePushSubscription, useNotificationAction } from "@roost/contract/push";

import type { Mount, PersonCaller } from "../../platform/http/mount.ts";
import type { DeadMan } from "./dead-man.ts";
import { mountInbox } from "./inbox-routes.ts";
import type { Notifications } from "./notifications.ts";

/** Ties the routes of `contract/src/notifications.ts`, `inbox.ts` and `push.ts` to the face. */
export function mountNotifications(mount: Mount, { targets, ledger, pushKey, actions, inbox }: Notifications): void {
  const all = undefined;
  mount(listNotificationTargets, async ({ query, caller }) => targets.list(caller, all, query));
  mount(addNotificationTarget, async ({ body, caller }) => targets.add(caller, all, body));
  mount(changeNotificationTarget, async ({ params, body, caller }) => targets.change(caller, all, params.targetId, body));
  mount(removeNotificationTarget, async ({ params, caller }) => targets.remove(caller, all, params.targetId));
  mount(testNotificationTarget, async ({ params, caller }) => ledger.test(caller, all, params.targetId));
  mount(listMyTargets, async ({ query, caller }) => targets.list(caller, ownOf(caller), query));
  mount(addMyTarget, async ({ body, caller }) => targets.add(caller, ownOf(caller), body));
  mount(changeMyTarget, async ({ params, body, caller }) => targets.change(caller, ownOf(caller), params.targetId, body));
  mount(removeMyTarget, async ({ params, caller }) => targets.remove(caller, ownOf(caller), params.targetId));
  mount(testMyTarget, async ({ params, caller }) => ledger.test(caller, ownOf(caller), params.targetId));
  mount(listDeliveries, async ({ query, caller }) => ledger.list(caller, query));
  mount(replayDelivery, async ({ params, caller }) => ledger.replay(caller, params.deliveryId));
  mount(replayDeliveries, async ({ body, caller }) => ledger.replayAll(caller, body));
  mountInbox(mount, inbox);

  mount(getPushKey, async () => ({ publicKey: await pushKey() }));
  mount(addPushSubscription, async ({ body, caller }) => {
    const { name, subscription, minSeverity } = body;
    const { endpoint: url, keys } = subscription;
    return targets.add(caller, ownOf(caller), { kind: "push", name, minSeverity, url, keys });
  });
  mount(removePushSubscription, async ({ params, caller }) => targets.remove(caller, ownOf(caller), params.targetId));
  mount(useNotificationAction, async ({ body, request }) => {
    const userAgent = request.headers["user-agent"];
    return actions.acknowledge(body.token, {
      remoteAddress: request.remoteAddress,
      correlationId: request.correlationId,
      ...(typeof userAgent === "string" ? { userAgent } : {}),
    });
  });
}

/** Ties the routes of `contract/src/dead-man.ts` to the face. */
export function mountDeadMan(mount: Mount, deadMan: DeadMan): void {
  mount(getDeadManSwitch, async ({ caller }) => deadMan.get(caller));
  mount(setDeadManSwitch, async ({ body, caller }) => deadMan.set(caller, body));
  mount(removeDeadManSwitch, async ({ caller }) => deadMan.remove(caller));
  mount(beatDeadManSwitch, async ({ caller }) => deadMan.beat(caller));
}

/** The person who asks. @throws {AppError} `http.forbidden` for a token: it is nobody's own. */
function ownOf(caller: PersonCaller): string {
  if (caller.kind !== "person") throw httpErrors.forbidden();
  return caller.id;
}
