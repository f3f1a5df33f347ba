import { describe, expect, it } from "vitest";

import { loadAgentConfig } from "./config.ts";

describe("the agent's configuration", () => {
  it("needs no variable, and leaves those of other programs alone", () => {
    expect(loadAgentConfig({ ROOST_HTTP_PORT: "x" })).toMatchObject({ ROOST_AGENT_DATA_DIR: ".roost-agent", ROOST_AGENT_SPOOL_MAX_MB: 64 });
  });

  it("names every bad variable at once, also one that does not exist", () => {
    const env = {
      ROOST_AGENT_SAMPLE_SECONDS: "0",
      ROOST_AGENT_SERVER: "ftp://x",
      ROOST_AGENT_SAMPLE_SECOND: "5",
      ROOST_AGENT_CLAIM_SECRET_FILE: "/none",
    };
    let faults: unknown;
    try {
      loadAgentConfig(env);
    } catch (error) {
      faults = (error as { details: { faults: string[] } }).details.faults.map((fault) => fault.split(":")[0]);
    }
    expect(faults).toHaveLength(4);
    expect(faults).toEqual(
      expect.arrayContaining([
        "ROOST_AGENT_CLAIM_SECRET_FILE",
        "ROOST_AGENT_SAMPLE_SECOND",
        "ROOST_AGENT_SAMPLE_SECONDS",
        "ROOST_AGENT_SERVER",
      ]),
    );
  });
});
