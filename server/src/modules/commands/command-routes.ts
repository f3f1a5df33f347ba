import { cancelCommand, getCommand, listCommands, listOfferedCommands, sendCommand } from "@roost/contract/commands";

import type { Mount } from "../../platform/http/mount.ts";
import type { Commands } from "./commands.ts";

/** Ties the routes of `contract/src/commands.ts` to the face. */
export function mountCommands(mount: Mount, commands: Commands): void {
  mount(listOfferedCommands, async ({ params, caller }) => commands.offered(caller, params.deviceId));
  mount(sendCommand, async ({ params, body, caller }) => commands.send(caller, params.deviceId, body));
  mount(listCommands, async ({ params, query, caller }) => commands.list(caller, params.deviceId, query));
  mount(getCommand, async ({ params, caller }) => commands.get(caller, params.deviceId, params.commandId));
  mount(cancelCommand, async ({ params, caller }) => commands.cancel(caller, params.deviceId, params.commandId));
}
