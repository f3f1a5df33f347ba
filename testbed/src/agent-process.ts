import { spawn } from "node:child_process";
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

const program = fileURLToPath(new URL("../../agent/src/main.ts", import.meta.url));

/** The agent as it runs on a host, in a process and a folder of its own. */
export interface AgentProcess {
  readonly dataDir: string;
  /** All it wrote so far. */
  output(): string;
  /** Ends it and waits until it is gone. */
  end(): Promise<void>;
}

/** Starts the agent with the text of a device's label as its claim file. */
export function startAgentWithLabel({
  dataDir,
  label,
  env = {},
}: {
  dataDir: string;
  label: string;
  env?: Readonly<Record<string, string>>;
}): AgentProcess {
  mkdirSync(dataDir, { recursive: true });
  const claimFile = join(dataDir, "claim.txt");
  writeFileSync(claimFile, `${label}\n`, { mode: 0o600 });
  const child = spawn(process.execPath, [program], {
    env: {
      PATH: process.env["PATH"],
      NODE_COMPILE_CACHE: process.env["NODE_COMPILE_CACHE"],
      ROOST_AGENT_DATA_DIR: dataDir,
      ROOST_AGENT_CLAIM_FILE: claimFile,
      ROOST_AGENT_SAMPLE_SECONDS: "1",
      ...env,
    },
    stdio: ["ignore", "pipe", "pipe"],
  });
  let output = "";
  child.stdout.on("data", (chunk: Buffer) => (output += chunk.toString()));
  child.stderr.on("data", (chunk: Buffer) => (output += chunk.toString()));
  const gone = new Promise<void>((resolve) => child.once("close", () => resolve()));
  return {
    dataDir,
    output: () => output,
    async end() {
      child.kill("SIGKILL");
      await gone;
    },
  };
}
