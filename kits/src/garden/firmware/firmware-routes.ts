import { httpErrors } from "@roost/contract/errors";
import type { KitMount, KitRequest } from "@roost/contract/kit-host";

import { calibrateSoil, changeNodeSettings, getNodeFirmware, getNodeSettings, getWiring, makeNodeFirmware } from "../contract/firmware.ts";
import type { Firmware } from "./firmware.ts";
import { wiringSvg } from "./wiring.ts";

/** Ties the routes of programs and node settings to the face. */
export function mountFirmware(mount: KitMount, firmware: Firmware): void {
  mount(getNodeSettings, async ({ caller, params }) => firmware.settingsOf(caller, params.deviceId));
  mount(changeNodeSettings, async ({ caller, params, body }) => firmware.change(caller, params.deviceId, body));
  mount(calibrateSoil, async ({ caller, params, body }) => firmware.calibrate(caller, params.deviceId, body.point));
  mount(getNodeFirmware, async ({ caller, params, query, request }) => ({
    kind: query.kind,
    files: await firmware.filesOf(caller, params.deviceId, query.kind, hostOf(request)),
  }));
  mount(makeNodeFirmware, async ({ caller, params, body, request }) => {
    // What is answered is a device's credentials, whatever else is: who may not have them elsewhere gets none here.
    if (!caller.permissions.has("devices:credentials")) throw httpErrors.forbidden({ permission: "devices:credentials" });
    request.setHeader("cache-control", "no-store");
    return { kind: body.kind, ...(await firmware.make(caller, params.deviceId, body, hostOf(request))) };
  });
  mount(getWiring, async () => ({ body: wiringSvg() }));
}

function hostOf({ headers }: KitRequest): string | undefined {
  const header = headers["host"];
  return typeof header === "string" ? header : undefined;
}
