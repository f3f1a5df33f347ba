import { openCommandStates } from "@roost/contract/commands";
import type { CommandState } from "@roost/contract/commands";

import type { Fact } from "../../platform/events.ts";

/** How a command can end; each is counted from 0 on, so that the first one is seen to come. */
export const commandEnds = ["done", "failed", "expired", "cancelled", "unanswered"] as const satisfies readonly CommandState[];
export type CommandEnd = (typeof commandEnds)[number];

/** What became of commands since this server started, of the whole installation: facts tell it, whichever server did it. */
export interface CommandTally {
  readonly sent: number;
  readonly ended: Readonly<Record<CommandEnd, number>>;
}

/** Commands that have not ended, of everybody. */
export interface OpenCommands {
  readonly byState: Readonly<Partial<Record<CommandState, number>>>;
  /** Their time is up and nobody ended them: whoever should is stuck. */
  readonly overdue: number;
}

/** Counts by facts, each of which is heard once. */
export function createTally() {
  let sent = 0;
  const ended: Record<CommandEnd, number> = { done: 0, failed: 0, expired: 0, cancelled: 0, unanswered: 0 };
  return {
    hear({ type, data }: Pick<Fact, "type" | "data">): void {
      if (type === "command.queued") sent += 1;
      else if (type === "command.settled") {
        const end = commandEnds.find((one) => one === data["state"]);
        if (end !== undefined) ended[end] += 1;
      }
    },
    read: (): CommandTally => ({ sent, ended: { ...ended } }),
  };
}

/** Every open state, with 0 where none is in it. */
export function everyOpenState({ byState }: OpenCommands): { state: CommandState; count: number }[] {
  return openCommandStates.map((state) => ({ state, count: byState[state] ?? 0 }));
}
