import { commandStates } from "@roost/contract/commands";
import type { CommandAck, CommandState } from "@roost/contract/commands";
import { expect, test } from "vitest";

import { afterAck, afterCancel, afterDelivery, afterTime, isEnded } from "./command.ts";

type Said = CommandAck["state"] | "too late";
const ackOf = (said: Said) => (said === "too late" ? { state: "failed" as const, code: "expired" } : { state: said });
/** What becomes of each state by each thing a device can say: a state, `=` for the same again, `!` for refused. */
const table: Record<CommandState, Record<Said, string>> = {
  queued: { accepted: "accepted", progress: "running", done: "done", failed: "failed", cancelled: "cancelled", "too late": "expired" },
  delivered: { accepted: "accepted", progress: "running", done: "done", failed: "failed", cancelled: "cancelled", "too late": "expired" },
  accepted: { accepted: "=", progress: "running", done: "done", failed: "failed", cancelled: "cancelled", "too late": "expired" },
  running: { accepted: "=", progress: "running", done: "done", failed: "failed", cancelled: "cancelled", "too late": "expired" },
  done: { accepted: "=", progress: "=", done: "=", failed: "!", cancelled: "!", "too late": "!" },
  failed: { accepted: "=", progress: "=", done: "!", failed: "=", cancelled: "!", "too late": "!" },
  expired: { accepted: "=", progress: "=", done: "!", failed: "!", cancelled: "!", "too late": "=" },
  cancelled: { accepted: "=", progress: "=", done: "!", failed: "!", cancelled: "=", "too late": "!" },
  unanswered: { accepted: "!", progress: "!", done: "!", failed: "!", cancelled: "!", "too late": "!" },
};

function wordOf(verdict: ReturnType<typeof afterAck>): string {
  return verdict.kind === "turns" ? verdict.state : verdict.kind === "same" ? "=" : "!";
}

test.each(commandStates)("R10 CO-65: what a device says turns a command that is %s as the table has it, and never an end", (state) => {
  const said = Object.keys(table[state]) as Said[];
  const found = Object.fromEntries(said.map((one) => [one, wordOf(afterAck({ state, wasSent: true }, ackOf(one)))]));
  expect(found).toEqual(table[state]);
});

test("a device cannot answer what was never sent to it", () => {
  for (const state of ["queued", "expired", "cancelled"] as const)
    for (const said of ["accepted", "done", "failed"] as const)
      expect(afterAck({ state, wasSent: false }, { state: said })).toEqual({ kind: "refused", why: "unknown_command" });
});

test("a confirmed delivery turns what waits and nothing else", () => {
  const turned = commandStates.filter((state) => afterDelivery({ state, wasSent: true }).kind === "turns");
  expect(turned).toEqual(["queued"]);
});

test("CO-66: what was never sent is called back at once, what was sent only by the device's word, what ended not at all", () => {
  expect(afterCancel({ state: "queued", wasSent: false })).toBe("cancelled");
  for (const state of ["queued", "delivered", "accepted", "running"] as const) expect(afterCancel({ state, wasSent: true })).toBe("ask");
  for (const state of commandStates.filter(isEnded)) expect(afterCancel({ state, wasSent: true })).toBe("ended");
});

test("R10: when its time is up, what was never sent is expired, and of what was sent nothing is claimed", () => {
  expect(afterTime({ state: "queued", wasSent: false })).toBe("expired");
  for (const state of ["queued", "delivered", "running"] as const) expect(afterTime({ state, wasSent: true })).toBe("unanswered");
});
