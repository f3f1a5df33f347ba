import { wrongClocks } from "./incidents.ts";
import type { Incident } from "./incidents.ts";

/** How many beats a fault of the `faults` scenario lasts, and how many there are from one to the next. */
export const faultBeats = 12;
export const faultEveryBeats = 30;
const quietBeats = 6;

type Span = Pick<Incident, "fromMs" | "toMs">;

/** One fault for each node, in turn: as many as there are ways to go wrong. */
const faults: readonly ((span: Span, intervalMs: number) => Incident)[] = [
  (span) => ({ ...span, kind: "failed dht" }),
  (span) => ({ ...span, kind: "reconnect" }),
  ...wrongClocks.map((clock) => (span: Span): Incident => ({ ...span, kind: "wrong clock", clock })),
  (span) => ({ ...span, kind: "wrong credential" }),
  (span) => ({ ...span, kind: "dying soil" }),
  (span, intervalMs) => ({ ...span, kind: "deep sleep", everyMs: 4 * intervalMs }),
  (span) => ({ ...span, kind: "silence" }),
  (span) => ({ ...span, kind: "spikes", chance: 0.4 }),
  (span) => ({ ...span, kind: "no clock" }),
  (span) => ({ ...span, kind: "failed light" }),
];

/** The faults of one node, again and again, in beats of its pace; every fifth time the router takes all nodes along. */
export function faultsOf(node: number, { fromMs, intervalMs, beats }: { fromMs: number; intervalMs: number; beats: number }): Incident[] {
  const fault = faults[node % faults.length];
  if (fault === undefined) return [];
  const incidents: Incident[] = [];
  for (let beat = quietBeats, count = 1; beat < beats; beat += faultEveryBeats, count += 1) {
    const begins = fromMs + beat * intervalMs;
    const span = { fromMs: begins, toMs: begins + faultBeats * intervalMs };
    incidents.push(count % 5 === 0 ? { ...span, kind: "outage" } : fault(span, intervalMs));
  }
  return incidents;
}
