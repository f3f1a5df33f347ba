import pino from "pino";
import type { DestinationStream, Logger } from "pino";

export type Log = Logger;

/** Makes the agent's log: JSON lines on standard output, or short ones for a person. Nothing secret is ever handed to it. */
export function createLog({ level, pretty }: { level: string; pretty: boolean }): Log {
  const options: pino.LoggerOptions = {
    level,
    base: { program: "agent" },
    timestamp: pino.stdTimeFunctions.isoTime,
    formatters: { level: (label) => ({ level: label }) },
  };
  return pretty ? pino(options, forPeople) : pino(options);
}

const forPeople: DestinationStream = {
  write(line) {
    const { level, time, program, msg, err, ...fields } = JSON.parse(line) as Record<string, unknown>;
    const details = Object.entries({ ...fields, ...(err === undefined ? {} : { err: (err as { message?: unknown }).message }) });
    const text = details.map(([name, value]) => `${name}=${typeof value === "string" ? value : JSON.stringify(value)}`).join(" ");
    process.stdout.write(`[${String(time).slice(11, 19)}] ${String(level).toUpperCase()}: ${String(program)}: ${String(msg)} ${text}\n`);
  },
};
