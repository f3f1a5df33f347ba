import { defineConfig } from "vitest/config";

import LongestFirst from "./testbed/longest-first.ts";

// Ends for what never comes: whatever is only slow, on a machine that does other things too, is not wrong by it.
const quiet = { pool: "forks" as const, testTimeout: 120_000, hookTimeout: 180_000, expect: { poll: { timeout: 60_000 } } };

// What weighs memory or tells what others feel of a load: nothing may run beside it.
const alone = ["testbed/e2e/abuse.e2e.ts"];

export default defineConfig({
  test: {
    reporters: ["default", "./testbed/summary-reporter.ts"],
    sequence: { sequencer: LongestFirst },
    projects: [
      {
        test: {
          ...quiet,
          name: "unit",
          sequence: { groupOrder: 1 },
          include: ["{contract,kits,server,agent,web,cli,testbed}/src/**/*.test.{ts,tsx}", "scripts/**/*.test.ts"],
          exclude: ["**/*.svc.test.ts"],
        },
      },
      {
        test: {
          ...quiet,
          name: "svc",
          sequence: { groupOrder: 2 },
          include: ["{server,agent,cli,kits}/src/**/*.svc.test.ts"],
          globalSetup: "./testbed/global-setup.ts",
          maxWorkers: 2,
        },
      },
      {
        test: {
          ...quiet,
          name: "e2e",
          sequence: { groupOrder: 3 },
          include: ["testbed/e2e/**/*.e2e.ts", "kits/src/*/*.e2e.ts"],
          exclude: alone,
          globalSetup: "./testbed/global-setup.ts",
          testTimeout: 600_000,
          hookTimeout: 600_000,
          // Stories wait more than they work: on two processors three of them keep both busy.
          maxWorkers: 3,
        },
      },
      {
        test: {
          ...quiet,
          name: "alone",
          sequence: { groupOrder: 4 },
          include: alone,
          testTimeout: 600_000,
          hookTimeout: 600_000,
          fileParallelism: false,
        },
      },
    ],
  },
});
