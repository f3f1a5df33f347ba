import type { CommandAck, CommandState } from "@roost/contract/commands";
import type { IngestErrorName } from "@roost/contract/ingest";

import type { Transaction } from "../../platform/db.ts";
import { emitAll } from "../../platform/events.ts";
import { afterAck, isEnded } from "./command.ts";
import { lockCommands, writeTurns } from "./dispatch-store.ts";
import type { CommandTurn, LockedCommand } from "./dispatch-store.ts";

/** What a device said of a command. */
export interface AckRow {
  /** As it stood in the topic: no id of ours, perhaps. */
  readonly commandId: string;
  readonly deviceId: string;
  readonly ack: CommandAck;
}

const uuidForm = /^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;

/**
 * Takes what devices say of their commands, in its order: within one transaction a command may be accepted and done.
 *
 * @returns What cannot be true, by the place in `rows`.
 */
export async function settleAcks(tx: Transaction, rows: readonly AckRow[]): Promise<Map<number, IngestErrorName>> {
  const refused = new Map<number, IngestErrorName>();
  if (rows.length === 0) return refused;
  const commands = await lockCommands(tx, [...new Set(rows.map((row) => row.commandId).filter((id) => uuidForm.test(id)))]);
  const turns = new Map<string, CommandTurn>();
  const states = new Map<string, CommandState>();
  for (const [place, { commandId, deviceId, ack }] of rows.entries()) {
    const command = commands.get(commandId);
    // Another device's command is none of this one's, as if it were not there.
    if (command === undefined || command.deviceId !== deviceId) {
      refused.set(place, "unknown_command");
      continue;
    }
    const verdict = afterAck({ state: states.get(commandId) ?? command.state, wasSent: command.wasSent }, ack);
    if (verdict.kind === "refused") refused.set(place, verdict.why);
    if (verdict.kind !== "turns") continue;
    states.set(commandId, verdict.state);
    const before = turns.get(commandId)?.ack;
    turns.set(commandId, { id: commandId, state: verdict.state, ended: isEnded(verdict.state), ack: { ...before, ...ack } });
  }
  await writeTurns(tx, [...turns.values()]);
  const facts = [...turns.values()].flatMap((turn) => factFor(turn, commands.get(turn.id)));
  await emitAll(tx, facts);
  return refused;
}

/** One fact for each command, and none for the same progress again. */
function factFor(turn: CommandTurn, before: LockedCommand | undefined) {
  if (before === undefined) return [];
  const { id, organisationId, deviceId, name } = before;
  const percent = (value: number | undefined) => (value === undefined ? undefined : Math.floor(value));
  const isNews =
    turn.state !== before.state || (turn.ack?.progress !== undefined && percent(turn.ack.progress) !== percent(before.progressPercent));
  if (!isNews) return [];
  const type = turn.ended ? "command.settled" : "command.changed";
  return [{ organisationId, type, nounId: id, data: { deviceId, name, state: turn.state } }];
}
