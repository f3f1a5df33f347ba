import { createWriteStream } from "node:fs";
import { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import { setTimeout as sleep } from "node:timers/promises";

import { personId } from "@roost/contract/ids";
import { listPeople } from "@roost/contract/people";
import {
  eraseDevice,
  erasePerson,
  exportDevice,
  exportMyself,
  exportPerson,
  getErasure,
  listErasures,
} from "@roost/contract/personal-data";
import type { Erasure } from "@roost/contract/personal-data";
import type { Route } from "@roost/contract/route";
import type { Command } from "commander";

import { benchOf } from "../command.ts";
import type { Bench } from "../command.ts";
import { download } from "../download.ts";
import { eachPage } from "../pages.ts";
import { ago, formatList, formatOne } from "../print.ts";
import { readWhole } from "../read.ts";
import { cliErrors } from "../settings.ts";
import type { Terminal } from "../terminal.ts";
import { readDeviceId } from "./devices.ts";

const noteEveryBytes = 5_000_000;
const lookEveryMs = 1_000;

/** `roost personal export|erase|erasures`. */
export function addPersonalCommands(program: Command, terminal: Terminal): void {
  const personal = program.command("personal").description("Hands out what is kept about a person or a device, and erases it.");
  const take = personal.command("export").description("Writes a ZIP of everything that is kept, with a manifest.");
  take
    .command("me <file>")
    .description("About yourself, in all your organisations. Takes a sign-in, not an API token.")
    .action(async (file: string, _options: object, command: Command) => save(benchOf(terminal, command), exportMyself, {}, file));
  take
    .command("person <person> <file>")
    .description("About a person, by e-mail or id: this organisation's part.")
    .action(async (person: string, file: string, _options: object, command: Command) => {
      const bench = benchOf(terminal, command);
      await save(bench, exportPerson, { personId: (await findPerson(bench, person)).id }, file);
    });
  take
    .command("device <device> <file>")
    .description("About a device: what it is, said and measured, and who did what to it.")
    .action(async (device: string, file: string, _options: object, command: Command) =>
      save(benchOf(terminal, command), exportDevice, { deviceId: readDeviceId(device) }, file),
    );

  const erase = personal.command("erase").description("Erases for good, and waits until it is done.");
  erase
    .command("person <person>")
    .description("Takes somebody out of the organisation; what has to stay names them no more. By e-mail, or by id who has left.")
    .requiredOption("--confirm <email or id>", "the same once more: nothing brings it back")
    .action(async (person: string, { confirm }: { confirm: string }, command: Command) => {
      const bench = benchOf(terminal, command);
      const { id } = await findPerson(bench, person);
      await waitFor(bench, await bench.call(erasePerson, { params: { personId: id }, body: { confirm } }));
    });
  erase
    .command("device <device>")
    .description("Removes a device with everything it ever sent.")
    .requiredOption("--confirm <id>", "the same once more: nothing brings it back")
    .action(async (device: string, { confirm }: { confirm: string }, command: Command) => {
      const bench = benchOf(terminal, command);
      await waitFor(bench, await bench.call(eraseDevice, { params: { deviceId: readDeviceId(device) }, body: { confirm } }));
    });

  personal
    .command("erasures")
    .description("Lists what was erased and how far it is, newest first.")
    .option("--limit <n>", "at most so many", readWhole(1, 1_000_000), 50)
    .action(async ({ limit }: { limit: number }, command: Command) => {
      const bench = benchOf(terminal, command);
      const items = await eachPage(limit, (page) => bench.call(listErasures, { query: page }));
      const rows = items.map((one) => ({ ...rowOf(one), asked: ago(one.requestedAt, terminal.nowMs()) }));
      bench.print(formatList(bench.format, rows, ["id", "subject", "state", "rows", "asked"], { items }, "Nothing was erased."));
    });
}

async function save(bench: Bench, route: Route, params: object, file: string): Promise<void> {
  let bytes = 0;
  let noted = 0;
  async function* counted(): AsyncGenerator<Uint8Array> {
    for await (const part of download(bench, route, { params })) {
      bytes += part.length;
      if (bytes - noted >= noteEveryBytes) {
        noted = bytes;
        bench.note(`${megabytes(bytes)} so far …`);
      }
      yield part;
    }
  }
  // Nobody else on this machine is to read it.
  await pipeline(Readable.from(counted()), createWriteStream(file, { mode: 0o600 }));
  bench.note(`${file}: ${megabytes(bytes)}. manifest.json in it says what each file is.`);
}

function megabytes(bytes: number): string {
  return `${(bytes / 1e6).toFixed(1)} MB`;
}

async function findPerson(bench: Bench, which: string): Promise<{ id: string }> {
  if (!which.includes("@")) {
    const id = personId.safeParse(which);
    if (!id.success) throw cliErrors.misused({ person: which, because: "Give an e-mail address or a person's id." });
    return { id: id.data };
  }
  const found = await eachPage(undefined, (page) => bench.call(listPeople, { query: { q: which, ...page } }));
  const one = found.find(({ email }) => email.toLowerCase() === which.toLowerCase());
  if (one === undefined)
    throw cliErrors.misused({ person: which, because: "Nobody in the organisation has this address. Who has left is named by id." });
  return { id: one.personId };
}

async function waitFor(bench: Bench, begun: Erasure): Promise<void> {
  let one = begun;
  while (one.state === "running") {
    await sleep(lookEveryMs, undefined, { signal: bench.terminal.signal });
    one = await bench.call(getErasure, { params: { erasureId: begun.id } });
  }
  if (bench.format !== "table") return bench.print(formatOne(bench.format, rowOf(one), one));
  const places = one.places.map(({ place, how, rows }) => ({ place, how, rows }));
  bench.print(formatList(bench.format, places, ["place", "how", "rows"], { items: places }, "There was nothing to erase."));
  for (const sentence of one.kept) bench.note(`Kept: ${sentence}`);
}

function rowOf({ id, subject, subjectId, state, places }: Erasure) {
  return { id, subject: `${subject} ${subjectId}`, state, rows: places.reduce((sum, { rows }) => sum + rows, 0) };
}
