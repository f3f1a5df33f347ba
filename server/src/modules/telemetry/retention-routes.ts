import { changeRetention, getRetention, previewRetention } from "@roost/contract/retention";

import type { Mount } from "../../platform/http/mount.ts";
import type { Telemetry } from "./telemetry.ts";

/** Ties the routes of `contract/src/retention.ts` to the face of telemetry. */
export function mountRetention(mount: Mount, { retention }: Pick<Telemetry, "retention">): void {
  mount(getRetention, async ({ caller }) => retention.show(caller));
  mount(previewRetention, async ({ body, caller }) => retention.preview(caller, body));
  mount(changeRetention, async ({ body: { acceptsDeletion, ...wanted }, caller }) =>
    retention.change(caller, wanted, { acceptsDeletion: acceptsDeletion === true }),
  );
}
