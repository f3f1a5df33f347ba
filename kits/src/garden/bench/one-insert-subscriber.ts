import mqtt from "mqtt";
import pg from "pg";

/*
 * The earlier pipeline's end, for comparison: a subscriber that makes one INSERT of each message, durable as PostgreSQL is set. It is given a pool of
 * ten connections that stay open, and prepared statements; the earlier one opened a connection for each message.
 */
const [port = "", socketDir = "", metrics = ""] = process.argv.slice(2);
const names = metrics.split(",");
const pool = new pg.Pool({ host: socketDir, user: "roost", database: "earlier", max: 10 });
await pool.query(
  `create table telemetry (device_id text not null, plant_id uuid, measured_at timestamptz not null, ${names.map((name) => `${name} double precision`).join(", ")})`,
);
await pool.query("create index on telemetry (device_id, measured_at desc)");
await pool.query("create index on telemetry (plant_id, measured_at desc)");
const insert = `insert into telemetry (device_id, plant_id, measured_at, ${names.join(", ")}) values ($1, $2, $3, ${names.map((_, index) => `$${index + 4}`).join(", ")})`;
const plantId = "01900000-0000-7000-8000-000000000001";

let stored = 0;

/** How many it has stored; or how many rows there are with times in a range. */
async function answer(question: string): Promise<void> {
  if (question === "count") {
    process.send?.(stored);
    return;
  }
  const range = question.split(" ").map((ms) => new Date(Number(ms)));
  const { rows } = await pool.query<{ n: string }>(
    "select count(*) as n from telemetry where measured_at >= $1 and measured_at < $2",
    range,
  );
  process.send?.(Number(rows[0]?.n));
}

const client = mqtt.connect({ host: "127.0.0.1", port: Number(port), protocolVersion: 5, clientId: "backend" });
client.on("message", (topic, payload) => {
  const { timestamp, ...values } = JSON.parse(payload.toString()) as Record<string, number>;
  const row = [topic.split("/")[1], plantId, new Date(timestamp ?? Date.now()), ...names.map((name) => values[name] ?? null)];
  void pool.query({ name: "insert", text: insert, values: row }).then(() => (stored += 1));
});
await client.subscribeAsync("devices/+/telemetry", { qos: 1 });
process.on("message", (question) => void answer(String(question)));
process.send?.("ready");
