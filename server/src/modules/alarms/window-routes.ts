import {
  addMaintenanceWindow,
  addSilence,
  cancelMaintenanceWindow,
  changeMaintenanceWindow,
  endSilence,
  getMaintenanceWindow,
  listMaintenanceWindows,
  listWindowOccurrences,
  previewMaintenanceWindow,
} from "@roost/contract/windows";

import type { Mount } from "../../platform/http/mount.ts";
import type { Windows } from "./windows.ts";

/** Ties the routes of `contract/src/windows.ts` to the face. */
export function mountWindows(mount: Mount, windows: Windows): void {
  mount(listMaintenanceWindows, async ({ query, caller }) => windows.list(caller, query));
  mount(listWindowOccurrences, async ({ query, caller }) => windows.occurrences(caller, query));
  mount(previewMaintenanceWindow, async ({ body }) => ({ occurrences: windows.preview(body.plan) }));
  mount(addMaintenanceWindow, async ({ body, caller }) => windows.add(caller, body));
  mount(getMaintenanceWindow, async ({ params, caller }) => windows.get(caller, params.windowId));
  mount(changeMaintenanceWindow, async ({ params, body, caller }) => windows.change(caller, params.windowId, body));
  mount(cancelMaintenanceWindow, async ({ params, body, caller }) => windows.cancel(caller, params.windowId, body.only));
  mount(addSilence, async ({ body, caller }) => windows.addSilence(caller, body));
  mount(endSilence, async ({ params, caller }) => windows.endSilence(caller, params.windowId));
}
