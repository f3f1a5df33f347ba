import { getSession } from "@roost/contract/auth";
import { deviceTransferId } from "@roost/contract/ids";
import { organisationErrors } from "@roost/contract/organisations";
import { acceptTransfer, listTransfers, offerDevice, withdrawTransfer } from "@roost/contract/transfers";
import type { DeviceTransfer } from "@roost/contract/transfers";
import type { Command } from "commander";

import { benchOf } from "../command.ts";
import { formatList, formatOne } from "../print.ts";
import type { Row } from "../print.ts";
import { cliErrors } from "../settings.ts";
import { ask } from "../terminal.ts";
import type { Terminal } from "../terminal.ts";
import { readDeviceId } from "./devices.ts";

/** `roost transfer list|offer|accept|withdraw`. */
export function addTransferCommands(program: Command, terminal: Terminal): void {
  const transfer = program.command("transfer").description("Hands devices over to another organisation, with their history.");
  transfer
    .command("list")
    .description("Lists devices that were offered, given away or taken over, newest first.")
    .action(async (_options: object, command: Command) => {
      const bench = benchOf(terminal, command);
      const { items } = await bench.call(listTransfers, {});
      const columns = ["id", "device", "direction", "state", "other", "by", "at"];
      bench.print(formatList(bench.format, items.map(transferRow), columns, { items }, "No device was handed over."));
    });
  transfer
    .command("offer <device>")
    .description("Offers a device: shows a code for the other organisation, once. With --to it goes at once.")
    .option("--to <organisation>", "one of yours where you may take devices over")
    .option("--confirm <device>", "the device's id once more, with --to; asked for when absent")
    .action(async (device: string, { to, confirm }: { to?: string; confirm?: string }, command: Command) => {
      const bench = benchOf(terminal, command);
      const deviceId = readDeviceId(device);
      if (to === undefined) {
        const made = await bench.call(offerDevice, { params: { deviceId }, body: {} });
        bench.print(formatOne(bench.format, { ...transferRow(made.transfer), code: made.code }, made));
        bench.note("The code is not shown again. The other organisation takes the device over by: roost transfer accept <code>");
        return;
      }
      if (confirm === undefined && !terminal.stdin.isTTY) throw cliErrors.misused({ missing: `--confirm ${deviceId}` });
      const typed = confirm ?? (await ask(terminal, `This gives ${deviceId} and all its history to ${to}. Type its id to go on: `));
      if (typed.toLowerCase() !== deviceId) throw cliErrors.misused({ confirm: typed, because: "Not the device's id." });
      const { organisations } = await bench.call(getSession, {});
      const one = organisations.find((each) => each.id === to || each.name.toLowerCase() === to.toLowerCase());
      if (one === undefined) throw organisationErrors.not_found({ organisation: to });
      const made = await bench.call(offerDevice, { params: { deviceId }, body: { organisationId: one.id } });
      bench.print(formatOne(bench.format, transferRow(made.transfer), made));
    });
  transfer
    .command("accept <code>")
    .description("Takes a device over with the code of its offer.")
    .action(async (code: string, _options: object, command: Command) => {
      const bench = benchOf(terminal, command);
      const made = await bench.call(acceptTransfer, { body: { code } });
      bench.print(formatOne(bench.format, transferRow(made.transfer), made));
      bench.note("The giver may know its password and its label: renew both, see docs/guide/roles-and-scopes.md.");
    });
  transfer
    .command("withdraw <id>")
    .description("Takes an open offer back.")
    .action(async (id: string, _options: object, command: Command) => {
      const bench = benchOf(terminal, command);
      const read = deviceTransferId.safeParse(id);
      if (!read.success) throw cliErrors.misused({ id, because: "Not the id of an offer. See: roost transfer list" });
      await bench.call(withdrawTransfer, { params: { transferId: read.data } });
      bench.note("Taken back.");
    });
}

function transferRow({ id, deviceId, direction, state, otherOrganisation, by, createdAt, settledAt, expiresAt }: DeviceTransfer): Row {
  return { id, device: deviceId, direction, state, other: otherOrganisation, by, at: settledAt ?? createdAt, expiresAt };
}
