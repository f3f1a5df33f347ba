import {
  addEnrolmentCode,
  approveRegistration,
  listEnrolmentCodes,
  listRegistrations,
  registrationErrors,
  rejectRegistration,
  removeEnrolmentCode,
} from "@roost/contract/registrations";
import type { EnrolmentCode, Registration } from "@roost/contract/registrations";
import type { Command } from "commander";

import { benchOf } from "../command.ts";
import type { Bench } from "../command.ts";
import { findSite } from "../names.ts";
import { ago, formatList, formatOne } from "../print.ts";
import type { Row } from "../print.ts";
import { readDurationMs, readWhole } from "../read.ts";
import { cliErrors } from "../settings.ts";
import type { Terminal } from "../terminal.ts";

/** `roost device waiting|approve|reject` and `roost device enrolment-code …`. */
export function addRegistrationCommands(device: Command, terminal: Terminal): void {
  device
    .command("waiting")
    .description("Lists devices that registered by themselves and wait for approval, each with the code it shows too.")
    .action(async (_options: object, command: Command) => {
      const bench = benchOf(terminal, command);
      const { items } = await bench.call(listRegistrations, {});
      const columns = ["code", "device", "standing", "name", "firmware", "from", "asked", "times", "wrongCode"];
      const rows = items.map((one) => waitingRow(one, terminal.nowMs()));
      bench.print(formatList(bench.format, rows, columns, { items }, "Nobody waits. See docs/guide/register.md."));
    });

  device
    .command("approve <which>")
    .description("Lets a waiting device in with the credentials it holds, by the code it shows, its id or that of its registration.")
    .option("--name <name>", "what people call it")
    .option("--site <site>", "where it stands")
    .action(async (which: string, { name, site }: { name?: string; site?: string }, command: Command) => {
      const bench = benchOf(terminal, command);
      const waiting = await findWaiting(bench, which);
      const body = {
        ...(name === undefined ? {} : { name }),
        ...(site === undefined ? {} : { siteId: (await findSite(bench, site)).id }),
      };
      const approved = await bench.call(approveRegistration, { params: { registrationId: waiting.id }, body });
      const { id, name: called, kind, state, siteId } = approved;
      bench.print(formatOne(bench.format, { id, name: called, kind, state, siteId }, approved));
    });

  device
    .command("reject <which>")
    .description("Sends a waiting device away, by the code it shows, its id or that of its registration. Its credentials never work.")
    .action(async (which: string, _options: object, command: Command) => {
      const bench = benchOf(terminal, command);
      const waiting = await findWaiting(bench, which);
      await bench.call(rejectRegistration, { params: { registrationId: waiting.id } });
      bench.note(`Sent ${waiting.deviceId} away.`);
    });

  addCodeCommands(
    device.command("enrolment-code").description("Codes by which new devices come in without waiting: lists, makes and ends them."),
    terminal,
  );
}

interface CodeOptions {
  uses?: number;
  expires?: number;
  site?: string;
  readmits?: true;
}

function addCodeCommands(code: Command, terminal: Terminal): void {
  code
    .command("list")
    .description("Lists enrolment codes, newest first, without the codes.")
    .action(async (_options: object, command: Command) => {
      const bench = benchOf(terminal, command);
      const { items } = await bench.call(listEnrolmentCodes, {});
      const columns = ["name", "state", "uses", "maxUses", "readmits", "expiresAt", "createdBy", "id"];
      bench.print(formatList(bench.format, items.map(codeRow), columns, { items }, "No enrolment codes."));
    });

  code
    .command("add <name>")
    .description("Makes an enrolment code and shows it, once.")
    .option("--uses <n>", "lets in at most so many devices; 10 unless said", readWhole(1, 10_000))
    .option("--expires <span>", "ends after so long, such as 7d; a week unless said", readDurationMs)
    .option("--site <site>", "where devices stand that come by it")
    .option("--readmits", "lets known devices come back too: who holds it and knows a MAC address may take that device's place")
    .action(async (name: string, { uses, expires, site, readmits }: CodeOptions, command: Command) => {
      const bench = benchOf(terminal, command);
      const made = await bench.call(addEnrolmentCode, {
        body: {
          name,
          ...(uses === undefined ? {} : { maxUses: uses }),
          ...(expires === undefined ? {} : { validSeconds: Math.round(expires / 1_000) }),
          ...(site === undefined ? {} : { siteId: (await findSite(bench, site)).id }),
          ...(readmits === undefined ? {} : { readmits }),
        },
      });
      bench.print(formatOne(bench.format, { code: made.code, ...codeRow(made.enrolmentCode) }, made));
      bench.note("The code is not shown again.");
    });

  code
    .command("remove <code>")
    .description("Ends an enrolment code at once, by its name or id. Devices that came by it stay.")
    .action(async (which: string, _options: object, command: Command) => {
      const bench = benchOf(terminal, command);
      const { items } = await bench.call(listEnrolmentCodes, {});
      const found = items.filter(({ id, name }) => id === which || name.toLowerCase() === which.toLowerCase());
      const [one] = found;
      if (one === undefined) throw registrationErrors.code_not_found({ enrolmentCode: which });
      if (found.length > 1) throw cliErrors.misused({ because: "Several have this name. Say the id.", ids: found.map(({ id }) => id) });
      await bench.call(removeEnrolmentCode, { params: { enrolmentCodeId: one.id } });
      bench.note(`Ended ${one.name}.`);
    });
}

/** By the code it shows, as people read it; else by its id, where nobody else says to be the same. */
async function findWaiting(bench: Bench, which: string): Promise<Registration> {
  const { items } = await bench.call(listRegistrations, {});
  const code = which.replaceAll(/[\s-]/g, "");
  const wanted = which.toLowerCase();
  const found = items.filter(
    ({ id, deviceId, macAddress, checkCode }) => checkCode === code || [id, deviceId, macAddress].includes(wanted),
  );
  const [one] = found;
  if (one === undefined) throw registrationErrors.not_found({ which });
  if (found.length > 1) {
    throw cliErrors.misused({
      because: "More than one waits by this name. Say the code that the device shows.",
      codes: found.map(({ checkCode, remoteAddress }) => `${checkCode} from ${remoteAddress}`),
    });
  }
  return one;
}

function waitingRow(one: Registration, nowMs: number): Row {
  return {
    code: one.checkCode,
    device: one.deviceId,
    standing: one.standing,
    name: one.deviceName ?? one.name,
    firmware: one.firmwareVersion,
    from: one.remoteAddress,
    asked: `${ago(one.lastAt, nowMs)} ago`,
    times: one.times,
    wrongCode: one.wrongCode ? "yes" : undefined,
  };
}

function codeRow({ id, name, state, uses, maxUses, readmits, siteId, expiresAt, createdBy }: EnrolmentCode): Row {
  return { name, state, uses, maxUses, readmits, siteId, expiresAt, createdBy, id };
}
