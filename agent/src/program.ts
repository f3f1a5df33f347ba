import { readFileSync } from "node:fs";
import { join, resolve } from "node:path";

import { isAppError } from "@roost/contract/errors";

import { startAgent } from "./app.ts";
import { parseClaimTicket, readTicket } from "./claim-ticket.ts";
import { createClaimer } from "./claim.ts";
import { systemClock } from "./clock.ts";
import { openCommandJournal } from "./command-journal.ts";
import type { CommandJournal } from "./command-journal.ts";
import { loadAgentConfig } from "./config.ts";
import type { AgentConfig } from "./config.ts";
import { createLog } from "./log.ts";
import type { Log } from "./log.ts";
import { createHostInstrument } from "./measure.ts";
import { openSpool } from "./spool.ts";
import type { Spool } from "./spool.ts";

type Environment = Readonly<Record<string, string | undefined>>;

/** As sysexits.h has it: the configuration is at fault, starting again will not help. */
const exitMisconfigured = 78;

function readConfig(env: Environment): AgentConfig {
  try {
    return loadAgentConfig(env);
  } catch (error) {
    const faults = isAppError(error, "config.invalid") ? (error.details["faults"] as readonly string[]) : [String(error)];
    process.stderr.write(`config.invalid: the configuration has faults.\n${faults.map((fault) => `  ${fault}\n`).join("")}`);
    return process.exit(exitMisconfigured);
  }
}

function textOf(file: string | undefined): string | undefined {
  if (file === undefined) return undefined;
  try {
    return readFileSync(file, "utf8");
  } catch {
    return undefined;
  }
}

/** Without a disk to keep things on, the agent still shows what it measures; what waits is then lost with the process. */
function openSpoolSomewhere(dataDir: string, config: AgentConfig, log: Log): Spool {
  const limits = { maxBytes: config.ROOST_AGENT_SPOOL_MAX_MB * 1e6, maxRecords: config.ROOST_AGENT_SPOOL_MAX_RECORDS };
  try {
    return openSpool({ file: join(dataDir, "spool.db"), limits, nowMs: systemClock.nowMs() });
  } catch (error) {
    log.error({ err: error, dataDir }, "the spool cannot be opened: what is measured is kept in memory only, until the next start");
    return openSpool({ file: ":memory:", limits: { ...limits, maxBytes: Math.min(limits.maxBytes, 8e6) }, nowMs: 0 });
  }
}

/** Without a disk nobody could tell a command that comes again from a new one. */
function openJournal(dataDir: string, log: Log): CommandJournal | undefined {
  try {
    return openCommandJournal(join(dataDir, "commands.db"));
  } catch (error) {
    log.error({ err: error, dataDir }, "the journal of commands cannot be opened: commands are refused until the next start");
    return undefined;
  }
}

/** The agent as a process: configuration in, signals and the end of its starter out. */
export function runProgram(env: Environment): void {
  const config = readConfig(env);
  const ca = textOf(config.ROOST_AGENT_CA_FILE);
  if (config.ROOST_AGENT_CA_FILE !== undefined && ca === undefined) {
    process.stderr.write("config.invalid: ROOST_AGENT_CA_FILE cannot be read.\n");
    process.exit(exitMisconfigured);
  }
  const log = createLog({ level: config.ROOST_AGENT_LOG_LEVEL, pretty: process.stdout.isTTY });
  const { version } = JSON.parse(readFileSync(new URL("../package.json", import.meta.url), "utf8")) as { version: string };
  const dataDir = resolve(config.ROOST_AGENT_DATA_DIR);
  const monotonicMs = () => systemClock.monotonicMs();
  const instrument = createHostInstrument({ diskPath: config.ROOST_AGENT_DISK_PATH ?? dataDir, monotonicMs });
  const agent = startAgent({
    version,
    credentialsFile: join(dataDir, "credentials.json"),
    readTicket: () =>
      parseClaimTicket(textOf(config.ROOST_AGENT_CLAIM_FILE) ?? "") ??
      readTicket(config.ROOST_AGENT_SERVER, config.ROOST_AGENT_DEVICE_ID, config.ROOST_AGENT_CLAIM_SECRET),
    claimer: createClaimer({ version, ca, monotonicMs }),
    measure: () => instrument.measure(),
    spool: openSpoolSomewhere(dataDir, config, log),
    journal: openJournal(dataDir, log),
    door: {
      ...(config.ROOST_AGENT_MQTT_HOST === undefined ? {} : { host: config.ROOST_AGENT_MQTT_HOST }),
      ...(config.ROOST_AGENT_MQTT_PORT === undefined ? {} : { port: config.ROOST_AGENT_MQTT_PORT }),
    },
    sampleSeconds: config.ROOST_AGENT_SAMPLE_SECONDS,
    clock: systemClock,
    log,
  });

  let stopping = false;
  const stopWith = (why: string, code: number) => {
    if (stopping) process.exit(1);
    stopping = true;
    log.info({ why }, "stopping");
    agent.stop().then(
      () => process.exit(code),
      (error: unknown) => {
        log.error({ err: error }, "stopping failed");
        process.exit(1);
      },
    );
  };
  process.on("SIGTERM", () => stopWith("SIGTERM", 0));
  process.on("SIGINT", () => stopWith("SIGINT", 0));
  // Whoever started us is gone: nobody would stop us any more.
  process.on("disconnect", () => stopWith("the launcher is gone", 0));
  process.on("uncaughtException", (error) => {
    log.error({ err: error }, "an error that nobody caught");
    stopWith("an error that nobody caught", 1);
  });
}
