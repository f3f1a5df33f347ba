import { isAppError } from "@roost/contract/errors";

import { startApp } from "./app.ts";
import { loadConfig } from "./config.ts";
import type { Config } from "./config.ts";
import { createLog } from "./platform/log.ts";

/** As sysexits.h has it: the configuration is at fault, starting again will not help. */
const exitMisconfigured = 78;

function readConfig(): Config {
  try {
    return loadConfig(process.env);
  } catch (error) {
    const faults = isAppError(error, "config.invalid") ? (error.details["faults"] as readonly string[]) : [String(error)];
    process.stderr.write(`config.invalid: the configuration has faults.\n${faults.map((fault) => `  ${fault}\n`).join("")}`);
    process.exit(exitMisconfigured);
  }
}

const config = readConfig();
const log = createLog({ level: config.ROOST_LOG_LEVEL, pretty: config.ROOST_LOG_PRETTY ?? process.stdout.isTTY });

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
