import { defineConfig } from "vitest/config";

const quiet = { pool: "forks" as const, testTimeout: 30_000, hookTimeout: 60_000 };

export default defineConfig({
  test: {
    reporters: ["default", "./testbed/summary-reporter.ts"],
    projects: [
      {
        test: {
          ...quiet,
          name: "unit",
          include: ["{contract,kits,server,agent,web,cli,testbed}/src/**/*.test.{ts,tsx}", "scripts/**/*.test.ts"],
          exclude: ["**/*.svc.test.ts"],
        },
      },
      {
        test: {
          ...quiet,
          name: "svc",
          include: ["{server,agent,cli}/src/**/*.svc.test.ts"],
          globalSetup: "./testbed/global-setup.ts",
          maxWorkers: 2,
        },
      },
      {
        test: {
          ...quiet,
          name: "e2e",
          include: ["testbed/e2e/**/*.e2e.ts"],
          globalSetup: "./testbed/global-setup.ts",
          testTimeout: 180_000,
          fileParallelism: false,
        },
      },
    ],
  },
});
