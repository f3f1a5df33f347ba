import { sendCommand } from "@roost/contract/commands";

import type { Place } from "./callers.ts";
import type { Expectations, Refusal } from "./expectation.ts";
import type { Ids, World } from "./stage.ts";

const noDevice: Refusal = [404, "devices.not_found"];

/** A command that waits for the device of a place. */
export async function addCommand(world: Omit<World, "close">, place: Place): Promise<Ids> {
  const { deviceId = "", word = "" } = world.places[place];
  const { id } = await world.owner(place)(sendCommand, {
    params: { deviceId },
    body: { name: "blink", params: { word: `${word} command` }, expiresInSeconds: 86_400 },
  });
  return { commandId: id };
}

/** Commands to devices, and what devices are set to. */
export const commandExpectations: Expectations = {
  listOfferedCommands: { object: "device", absent: noDevice },
  sendCommand: { object: "device", absent: noDevice, body: (ids) => ({ name: "blink", params: { word: ids["word"] } }), freeForm: true },
  listCommands: { object: "device", absent: noDevice, shows: (ids) => [ids["commandId"] ?? ""] },
  getCommand: { object: "device", absent: noDevice, shows: (ids) => [ids["commandId"] ?? ""] },
  cancelCommand: {
    object: "device",
    absent: noDevice,
    fresh: async (world, place) => ({ deviceId: world.places[place]["deviceId"] ?? "", ...(await addCommand(world, place)) }),
  },
  getConfiguration: { object: "device", absent: noDevice },
  setConfiguration: { object: "device", absent: noDevice, body: (ids) => ({ settings: { word: ids["word"] } }), freeForm: true },
};
