import { statSync } from "node:fs";

import { isAppError } from "@roost/contract/errors";

import { readConfig } from "./config.ts";
import type { Config } from "./config.ts";
import { createLog } from "./platform/log.ts";
import { faultLine, productionFaults } from "./production/production.ts";

/** As sysexits.h has it: the configuration is at fault, starting again will not help. */
const exitMisconfigured = 78;

function refuse(title: string, lines: readonly string[]): never {
  process.stderr.write(`${title}\n${lines.map((line) => `  ${line}\n`).join("")}`);
  process.exit(exitMisconfigured);
}

function modeOf(path: string): number | undefined {
  try {
    return statSync(path).mode;
  } catch {
    return undefined;
  }
}

/** Every fault at once: of the form, and where it counts of the safety. `--check` looks as for production and starts nothing. */
function takeConfig(isCheck: boolean): { config: Config; warnings: readonly string[] } {
  const { config, faults } = readConfig(process.env);
  const place = isCheck ? "production" : config.ROOST_ENV;
  const unsafe =
    place === "development" ? [] : productionFaults(config, { env: process.env, execArgv: process.execArgv, modeOf }).map(faultLine);
  if (place === "production" && unsafe.length > 0) {
    const all = [...faults, ...unsafe];
    refuse(`config.unsafe: not fit for production. ${all.length} ${all.length === 1 ? "fault" : "faults"}:`, all);
  }
  if (faults.length > 0) refuse("config.invalid: the configuration has faults.", faults);
  if (isCheck) {
    process.stdout.write("The configuration is fit for production.\n");
    process.exit(0);
  }
  return { config, warnings: unsafe };
}

const { config, warnings } = takeConfig(process.argv.includes("--check"));
const log = createLog({ level: config.ROOST_LOG_LEVEL, pretty: config.ROOST_LOG_PRETTY ?? process.stdout.isTTY });
for (const fault of warnings) log.warn({ fault }, "production would refuse to start with this");
// Only now: what is refused above needs no program to be loaded.
const { startApp } = await import("./app.ts");

let stopping: Promise<void> | undefined;
const givingUp = new AbortController();
const stopWith = (code: number, why: string) => {
  if (stopping !== undefined) {
    // Whoever asks twice does not want to wait.
    process.exit(1);
  }
  log.info({ why }, "stopping");
  // A start that waits for something outside waits no longer.
  givingUp.abort();
  stopping = starting
    .then((app) => app?.stop())
    .then(
      () => process.exit(code),
      (error: unknown) => {
        log.error({ err: error }, "stopping failed");
        process.exit(1);
      },
    );
};
process.on("SIGTERM", () => stopWith(0, "SIGTERM"));
process.on("SIGINT", () => stopWith(0, "SIGINT"));
// Whoever started us by fork is gone: nobody would stop us any more.
process.on("disconnect", () => stopWith(0, "the launcher is gone"));
process.on("uncaughtException", (error) => {
  log.error({ err: error }, "an error that nobody caught");
  stopWith(1, "an error that nobody caught");
});

const starting = startApp(config, log, givingUp.signal).catch((error: unknown) => {
  if (stopping !== undefined) process.exit(0);
  const known = isAppError(error);
  log.error(
    known ? { code: error.code, details: error.details, err: error.cause } : { err: error },
    known ? error.message : "the start failed",
  );
  process.exit(known && error.code.startsWith("config.") ? exitMisconfigured : 1);
});
const app = await starting;
if (stopping === undefined) {
  log.info({ url: app.ready.url, httpsUrl: app.ready.httpsUrl, mqttPort: app.ready.mqttPort }, "ready");
  process.send?.(app.ready);
  if (process.send === undefined && app.ready.setupCode !== undefined) {
    // The one secret that must be shown: to whoever sits at this terminal, and not into the log.
    process.stdout.write(`\nOpen ${app.ready.url} and set the first administrator with this code: ${app.ready.setupCode}\n\n`);
  }
}
