import { expiredCode } from "@roost/contract/commands";
import type { CommandAck, CommandState } from "@roost/contract/commands";

/** What of a command decides what may become of it. */
export interface Standing {
  readonly state: CommandState;
  /** It was handed to the door at least once, so the device may have it. */
  readonly wasSent: boolean;
}

/** What news does to a command: another state, the same news again, or news that cannot be true. */
export type Verdict =
  | { readonly kind: "turns"; readonly state: CommandState }
  | { readonly kind: "same" }
  | { readonly kind: "refused"; readonly why: "unknown_command" | "command_ended" };

const endStates: ReadonlySet<CommandState> = new Set(["done", "failed", "expired", "cancelled", "unanswered"]);
const rank: Readonly<Partial<Record<CommandState, number>>> = { queued: 0, delivered: 1, accepted: 2, running: 3 };

/** Says whether a command has come to its end, from which nothing leads away. */
export function isEnded(state: CommandState): boolean {
  return endStates.has(state);
}

/** The device confirmed that it got it. */
export function afterDelivery({ state }: Standing): Verdict {
  return state === "queued" ? { kind: "turns", state: "delivered" } : { kind: "same" };
}

function meaningOf({ state, code }: Pick<CommandAck, "state" | "code">): CommandState {
  if (state === "progress") return "running";
  // The device got it too late and did not begin.
  return state === "failed" && code === expiredCode ? "expired" : state;
}

/**
 * The device says how a command is going. What it says comes at least once, in its order or not: an end stands, and nothing leads back.
 */
export function afterAck({ state, wasSent }: Standing, ack: Pick<CommandAck, "state" | "code">): Verdict {
  if (!wasSent) return { kind: "refused", why: "unknown_command" };
  const said = meaningOf(ack);
  if (isEnded(state)) {
    if (said === state) return { kind: "same" };
    const isOlderNews = !isEnded(said) && state !== "unanswered";
    return isOlderNews ? { kind: "same" } : { kind: "refused", why: "command_ended" };
  }
  if (isEnded(said)) return { kind: "turns", state: said };
  // Progress tells more than the state: it is taken again and again.
  if (said === "running") return { kind: "turns", state: said };
  return (rank[said] ?? 0) > (rank[state] ?? 0) ? { kind: "turns", state: said } : { kind: "same" };
}

/** Somebody calls it back: at once where it was never sent; otherwise the device has to say that it stopped. */
export function afterCancel({ state, wasSent }: Standing): "cancelled" | "ask" | "ended" {
  if (isEnded(state)) return "ended";
  return wasSent ? "ask" : "cancelled";
}

/** Its time is up: it certainly did not run, or nobody knows. */
export function afterTime({ wasSent }: Standing): CommandState {
  return wasSent ? "unanswered" : "expired";
}
