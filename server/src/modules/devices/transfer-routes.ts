import { acceptTransfer, listTransfers, offerDevice, withdrawTransfer } from "@roost/contract/transfers";

import type { Mount } from "../../platform/http/mount.ts";
import type { Transfers } from "./transfers.ts";

/** Ties the routes of transfers to their face. */
export function mountTransfers(mount: Mount, transfers: Transfers): void {
  mount(listTransfers, async ({ caller }) => ({ items: await transfers.list(caller) }));
  mount(offerDevice, async ({ caller, params, body, request }) => {
    request.setHeader("cache-control", "no-store");
    return transfers.offer(caller, params.deviceId, body);
  });
  mount(withdrawTransfer, async ({ caller, params }) => transfers.withdraw(caller, params.transferId));
  mount(acceptTransfer, async ({ caller, body }) => ({ transfer: await transfers.accept(caller, body.code) }));
}
