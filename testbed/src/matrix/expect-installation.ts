import type { Expectations } from "./expectation.ts";

/** The installation itself. */
export const installationExpectations: Expectations = {
  getHealth: { object: "none" },
  getDatabaseHealth: { object: "none" },
  getReady: { object: "none" },
  // Straight from loopback nobody is asked; by way of a proxy everybody is.
  getMetrics: { object: "none", headers: { "x-forwarded-for": "192.0.2.7" } },
  getStatus: { object: "none" },
  getOpenApi: { object: "none" },
  streamFacts: { object: "none" },
};
