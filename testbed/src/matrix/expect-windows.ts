import { addMaintenanceWindow, addSilence } from "@roost/contract/windows";

import type { Place } from "./callers.ts";
import type { Expectations, Refusal } from "./expectation.ts";
import type { Caller, Ids, World } from "./stage.ts";

const noWindow: Refusal = [404, "windows.not_found"];
const noPlace: Refusal = [422, "windows.unknown_place"];
const dayMs = 86_400_000;
// Longer than any run: one that ends by itself while nothing may change would look like a change.
const silenceSeconds = 14_400;

/** In a month: what stands in a matrix must not mute its alarms. */
function ahead() {
  const from = Date.now() + 30 * dayMs;
  return { kind: "once" as const, from: new Date(from).toISOString(), to: new Date(from + dayMs).toISOString(), zone: "UTC" };
}

/** A window about the site of a place. */
export async function addWindow(world: Omit<World, "close">, place: Place): Promise<Ids> {
  const { siteId = "", word = "" } = world.places[place];
  const { id } = await world.owner(place)(addMaintenanceWindow, {
    body: { title: `${word} window`, plan: ahead(), scope: { siteIds: [siteId] } },
  });
  return { windowId: id };
}

const notTheirs = {
  when: ({ name }: Caller, place: Place) => name === "admin A of one site" && place === "aSouth",
  answer: [403, "windows.out_of_reach"],
  why: "the place is there, and not theirs",
} as const;

/** Maintenance windows and silences. */
export const windowExpectations: Expectations = {
  listMaintenanceWindows: {
    object: "none",
    query: () => ({ limit: "200" }),
    shows: (ids) => [ids["windowId"] ?? ""],
    filters: [(ids) => ({ deviceId: ids["deviceId"] ?? "" })],
  },
  listWindowOccurrences: {
    object: "none",
    query: () => ({ from: new Date().toISOString(), to: new Date(Date.now() + 40 * dayMs).toISOString() }),
    shows: (ids) => [ids["windowId"] ?? ""],
  },
  previewMaintenanceWindow: { object: "none", body: () => ({ plan: ahead() }) },
  addMaintenanceWindow: {
    object: "device",
    absent: noPlace,
    body: (ids) => ({ title: "A window", plan: ahead(), scope: { siteIds: [ids["siteId"]] } }),
    except: [notTheirs],
  },
  getMaintenanceWindow: { object: "device", absent: noWindow, shows: (ids) => [ids["windowId"] ?? ""] },
  changeMaintenanceWindow: { object: "device", absent: noWindow, body: (ids) => ({ title: `${ids["word"]} window` }) },
  cancelMaintenanceWindow: { object: "device", absent: noWindow, body: () => ({}), fresh: addWindow },
  addSilence: {
    object: "device",
    absent: noPlace,
    body: (ids) => ({ scope: { siteIds: [ids["siteId"]], kinds: ["delivery"] }, seconds: silenceSeconds }),
    except: [notTheirs],
  },
  endSilence: {
    object: "device",
    absent: noWindow,
    fresh: async (world, place) => {
      const { siteId = "" } = world.places[place];
      const { id } = await world.owner(place)(addSilence, {
        body: { scope: { siteIds: [siteId], kinds: ["delivery"] }, seconds: silenceSeconds },
      });
      return { windowId: id };
    },
  },
};
