// Lines a second of the log, with its masks, side by side with the same library without any.
import { createRequire } from "node:module";

interface Log {
  info(fields: object, text: string): void;
}

const server = new URL("../../server/", import.meta.url);
const { createLog } = (await import(new URL("src/platform/log.ts", server).href)) as {
  createLog: (options: { level: string; pretty: boolean; destination: { write(line: string): void } }) => Log;
};
const pino = createRequire(new URL("package.json", server))("pino") as (options: object, destination: { write(line: string): void }) => Log;

const rounds = 9;
const lines = 50_000;
let bytes = 0;
const destination = { write: (line: string) => void (bytes += line.length) };
const logs = { bare: pino({ level: "debug", base: null }, destination), ours: createLog({ level: "debug", pretty: false, destination }) };
const shapes: Record<string, () => object> = {
  request: () => ({
    requestId: "0199f3a2-0000-7000-8000-000000000001",
    correlationId: "0199f3a2-0000-7000-8000-000000000001",
    remoteAddress: "192.0.2.77",
    method: "POST",
    route: "/api/v1/devices/:deviceId/telemetry",
    status: 200,
    tookMs: 3,
  }),
  device: () => ({ deviceId: "coop-0042", principal: "coop-0042", remoteAddress: "2001:db8:1:2::77", version: 5 }),
};
for (const [name, fields] of Object.entries(shapes)) {
  const paces = { bare: [] as number[], ours: [] as number[] };
  // In turns: what else the machine does slows both alike.
  for (let round = 0; round < rounds; round += 1) {
    for (const which of ["bare", "ours"] as const) {
      const startedMs = performance.now();
      for (let line = 0; line < lines; line += 1) logs[which].info(fields(), "something happened");
      paces[which].push((lines / (performance.now() - startedMs)) * 1_000);
    }
  }
  const median = (all: readonly number[]) => all.toSorted((one, other) => one - other)[Math.floor(rounds / 2)] ?? 0;
  const [bare, ours] = [median(paces.bare), median(paces.ours)];
  process.stdout.write(
    `log ${name} lines_per_second=${Math.round(ours)} bare=${Math.round(bare)} us_per_line=${(1e6 / ours).toFixed(1)} times_slower=${(bare / ours).toFixed(2)} megabytes=${Math.round(bytes / 1e6)}\n`,
  );
  bytes = 0;
}
