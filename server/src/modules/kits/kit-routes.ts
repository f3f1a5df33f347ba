import { changeKitSettings, checkKit, getKitSettings, listKits, switchKit } from "@roost/contract/kits";
import type { JSONType } from "zod";

import type { Mount } from "../../platform/http/mount.ts";
import type { Kits } from "./kits.ts";

/** Ties the routes about kits to their face, and the kits' own to theirs. */
export function mountKits(mount: Mount, kits: Kits): void {
  mount(listKits, async ({ caller }) => ({ items: kits.list(caller) }));
  mount(switchKit, async ({ params, body, caller }) => kits.switch(caller, params.kitId, body.on));
  mount(checkKit, async ({ params, caller }) => ({ items: await kits.check(caller, params.kitId) }));
  mount(getKitSettings, async ({ params, caller }) => ({ settings: kits.settings(caller, params.kitId) as Record<string, JSONType> }));
  mount(changeKitSettings, async ({ params, body, caller }) => ({
    settings: (await kits.changeSettings(caller, params.kitId, body)) as Record<string, JSONType>,
  }));
  kits.mount(mount);
}
