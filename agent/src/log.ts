import pino from "pino";
import type { Logger } from "pino";

export type Log = Logger;

/** Makes the agent's log: JSON lines on standard output. Nothing secret is ever handed to it. */
export function createLog(level: string): Log {
  return pino({
    level,
    base: { program: "agent" },
    timestamp: pino.stdTimeFunctions.isoTime,
    formatters: { level: (label) => ({ level: label }) },
  });
}
