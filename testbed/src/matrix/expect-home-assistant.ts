import { wholeOrganisation } from "./expectation.ts";
import type { Expectations } from "./expectation.ts";

/** The bridge to Home Assistant's broker. Nobody listens there: what goes over it is tried with a real one, elsewhere. */
export const homeAssistantExpectations: Expectations = {
  getHomeAssistantBridge: { object: "none", except: [wholeOrganisation] },
  setHomeAssistantBridge: {
    object: "none",
    except: [wholeOrganisation],
    body: () => ({ host: "127.0.0.1", port: 1, tls: false }),
    undo: async (world) => {
      await world.sql.query("delete from home_assistant_bridges");
    },
  },
  removeHomeAssistantBridge: { object: "none", except: [wholeOrganisation] },
  testHomeAssistantBridge: { object: "none", except: [wholeOrganisation], always: [404, "home_assistant.no_bridge"] },
  listFoundDevices: { object: "none", except: [wholeOrganisation], always: [409, "home_assistant.not_connected"] },
  takeFoundDevice: {
    object: "none",
    except: [wholeOrganisation],
    body: () => ({}),
    always: [409, "home_assistant.not_connected"],
  },
};
