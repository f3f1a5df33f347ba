import { getConfiguration, setConfiguration } from "@roost/contract/configuration";

import type { Mount } from "../../platform/http/mount.ts";
import type { Configurations } from "./configuration.ts";

/** Ties the routes of `contract/src/configuration.ts` to the face. */
export function mountConfigurations(mount: Mount, configurations: Configurations): void {
  mount(getConfiguration, async ({ params, caller }) => configurations.get(caller, params.deviceId));
  mount(setConfiguration, async ({ params, body, caller }) => configurations.set(caller, params.deviceId, body));
}
