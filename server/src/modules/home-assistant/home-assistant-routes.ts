import {
  getHomeAssistantBridge,
  listFoundDevices,
  removeHomeAssistantBridge,
  setHomeAssistantBridge,
  takeFoundDevice,
  testHomeAssistantBridge,
} from "@roost/contract/home-assistant";

import type { Mount } from "../../platform/http/mount.ts";
import type { HomeAssistant } from "./home-assistant.ts";

/** Ties the routes of `contract/src/home-assistant.ts` to the face. */
export function mountHomeAssistant(mount: Mount, homeAssistant: HomeAssistant): void {
  mount(getHomeAssistantBridge, async ({ caller }) => homeAssistant.get(caller));
  mount(setHomeAssistantBridge, async ({ body, caller }) => homeAssistant.set(caller, body));
  mount(removeHomeAssistantBridge, async ({ caller }) => homeAssistant.remove(caller));
  mount(testHomeAssistantBridge, async ({ caller }) => homeAssistant.test(caller));
  mount(listFoundDevices, async ({ caller }) => homeAssistant.found(caller));
  mount(takeFoundDevice, async ({ params, body, caller }) => homeAssistant.take(caller, params.foundId, body));
}
