import { getResealing, getSecretStore, listSecrets, rotateSecret } from "@roost/contract/secrets";

import type { Mount } from "../../platform/http/mount.ts";
import type { Secrets } from "./secrets.ts";

/** Ties the routes of `contract/src/secrets.ts` to the face. */
export function mountSecrets(mount: Mount, secrets: Secrets): void {
  mount(listSecrets, async () => secrets.list());
  mount(getSecretStore, async () => secrets.checkStore());
  mount(getResealing, async () => secrets.progress());
  mount(rotateSecret, async ({ body, caller }) => secrets.rotate(caller.by, body.name));
}
