import { chooseOrganisation, getSession } from "@roost/contract/auth";
import { changeDevice, getDevice } from "@roost/contract/devices";
import { keepOrganisation, removeOrganisation } from "@roost/contract/organisation-removal";
import {
  addDeviceGroup,
  addSite,
  changeDeviceGroup,
  changeOrganisation,
  changeSite,
  getOrganisation,
  listDeviceGroups,
  listSites,
  organisationErrors,
  removeDeviceGroup,
  removeSite,
} from "@roost/contract/organisations";
import type { Organisation } from "@roost/contract/organisations";
import { leaveOrganisation } from "@roost/contract/people";
import type { Command } from "commander";

import { benchOf } from "../command.ts";
import type { Bench } from "../command.ts";
import { findGroup, findSite } from "../names.ts";
import { eachPage } from "../pages.ts";
import { formatList, formatOne } from "../print.ts";
import type { Terminal } from "../terminal.ts";
import { readDeviceId } from "./devices.ts";

/** `roost organisation show|rename|switch|leave|remove|keep`, `roost site …`, `roost group …`. */
export function addOrganisationCommands(program: Command, terminal: Terminal): void {
  const organisation = program.command("organisation").description("Shows, renames and switches organisations.");
  organisation
    .command("show")
    .description("Shows the organisation you act in.")
    .action(async (_options: object, command: Command) => {
      const bench = benchOf(terminal, command);
      printOrganisation(bench, await bench.call(getOrganisation, {}));
    });
  organisation
    .command("rename <name>")
    .description("Renames the organisation you act in.")
    .action(async (name: string, _options: object, command: Command) => {
      const bench = benchOf(terminal, command);
      printOrganisation(bench, await bench.call(changeOrganisation, { body: { name } }));
    });
  organisation
    .command("switch <name>")
    .description("Acts in another of your organisations from now on, in this sign-in.")
    .action(async (name: string, _options: object, command: Command) => {
      const bench = benchOf(terminal, command);
      const { organisations } = await bench.call(getSession, {});
      const one = organisations.find((each) => each.id === name || each.name.toLowerCase() === name.toLowerCase());
      if (one === undefined) throw organisationErrors.not_found({ organisation: name });
      await bench.call(chooseOrganisation, { body: { organisationId: one.id } });
      bench.note(`You act in ${one.name} now.`);
    });
  organisation
    .command("leave")
    .description("Leaves the organisation you act in.")
    .action(async (_options: object, command: Command) => {
      const bench = benchOf(terminal, command);
      await bench.call(leaveOrganisation, {});
      bench.note("You left.");
    });
  organisation
    .command("remove")
    .description("Closes the organisation you act in at once, and has it removed with everything in it when the days of grace are over.")
    .requiredOption("--confirm <name>", "repeats the name of the organisation")
    .action(async ({ confirm }: { confirm: string }, command: Command) => {
      const bench = benchOf(terminal, command);
      const one = await bench.call(removeOrganisation, { body: { confirm } });
      printOrganisation(bench, one);
      bench.note(`${one.name} is closed. Until it is removed an owner can keep it: roost organisation keep`);
    });
  organisation
    .command("keep")
    .description("Keeps the organisation you act in, which was to be removed: it is open again.")
    .action(async (_options: object, command: Command) => {
      const bench = benchOf(terminal, command);
      const one = await bench.call(keepOrganisation, {});
      bench.note(`${one.name} stays, and is open again.`);
    });
  addSiteCommands(program, terminal);
  addGroupCommands(program, terminal);
}

function printOrganisation(bench: Bench, one: Organisation): void {
  const { removal, removalDays: _days, ...shown } = one;
  const state = removal === undefined ? {} : { state: removal.state, closedBy: removal.requestedBy, removedAt: removal.endsAt };
  bench.print(formatOne(bench.format, { ...shown, ...state }, one));
}

function addSiteCommands(program: Command, terminal: Terminal): void {
  const site = program.command("site").description("Lists, adds, renames and removes sites, and puts devices there.");
  site
    .command("list")
    .description("Lists sites by name.")
    .action(async (_options: object, command: Command) => {
      const bench = benchOf(terminal, command);
      const items = await eachPage(undefined, (page) => bench.call(listSites, { query: page }));
      bench.print(
        formatList(bench.format, items, ["name", "devices", "timeZone", "id"], { items }, "No sites. Add one by: roost site add <name>"),
      );
    });
  site
    .command("add <name>")
    .description("Adds a site.")
    .option("--time-zone <zone>", "such as Europe/Berlin")
    .action(async (name: string, { timeZone }: { timeZone?: string }, command: Command) => {
      const bench = benchOf(terminal, command);
      const one = await bench.call(addSite, { body: { name, ...(timeZone === undefined ? {} : { timeZone }) } });
      bench.print(formatOne(bench.format, one, one));
    });
  site
    .command("rename <site> <name>")
    .description("Renames a site.")
    .action(async (which: string, name: string, _options: object, command: Command) => {
      const bench = benchOf(terminal, command);
      const one = await bench.call(changeSite, { params: { siteId: (await findSite(bench, which)).id }, body: { name } });
      bench.print(formatOne(bench.format, one, one));
    });
  site
    .command("remove <site>")
    .description("Removes a site; its devices stay.")
    .action(async (which: string, _options: object, command: Command) => {
      const bench = benchOf(terminal, command);
      const one = await findSite(bench, which);
      await bench.call(removeSite, { params: { siteId: one.id } });
      bench.note(`Removed ${one.name}.`);
    });
  site
    .command("put <device> [site]")
    .description("Says at which site a device stands; without one, at none.")
    .action(async (device: string, which: string | undefined, _options: object, command: Command) => {
      const bench = benchOf(terminal, command);
      const siteId = which === undefined ? null : (await findSite(bench, which)).id;
      const {
        attributes: _attributes,
        groupIds,
        ...one
      } = await bench.call(changeDevice, {
        params: { deviceId: readDeviceId(device) },
        body: { siteId },
      });
      bench.print(formatOne(bench.format, { ...one, groups: groupIds?.join(" ") }, { ...one, groupIds }));
    });
}

function addGroupCommands(program: Command, terminal: Terminal): void {
  const group = program.command("group").description("Lists, adds, renames and removes device groups, and puts devices into them.");
  group
    .command("list")
    .description("Lists device groups by name.")
    .action(async (_options: object, command: Command) => {
      const bench = benchOf(terminal, command);
      const items = await eachPage(undefined, (page) => bench.call(listDeviceGroups, { query: page }));
      bench.print(formatList(bench.format, items, ["name", "devices", "id"], { items }, "No groups. Add one by: roost group add <name>"));
    });
  group
    .command("add <name>")
    .description("Adds a device group.")
    .action(async (name: string, _options: object, command: Command) => {
      const bench = benchOf(terminal, command);
      const one = await bench.call(addDeviceGroup, { body: { name } });
      bench.print(formatOne(bench.format, one, one));
    });
  group
    .command("rename <group> <name>")
    .description("Renames a device group.")
    .action(async (which: string, name: string, _options: object, command: Command) => {
      const bench = benchOf(terminal, command);
      const one = await bench.call(changeDeviceGroup, { params: { groupId: (await findGroup(bench, which)).id }, body: { name } });
      bench.print(formatOne(bench.format, one, one));
    });
  group
    .command("remove <group>")
    .description("Removes a device group; its devices stay.")
    .action(async (which: string, _options: object, command: Command) => {
      const bench = benchOf(terminal, command);
      const one = await findGroup(bench, which);
      await bench.call(removeDeviceGroup, { params: { groupId: one.id } });
      bench.note(`Removed ${one.name}.`);
    });
  for (const [verb, words, isIn] of [
    ["put", "Puts a device into a group.", true],
    ["take", "Takes a device out of a group.", false],
  ] as const) {
    group
      .command(`${verb} <group> <device>`)
      .description(words)
      .action(async (which: string, device: string, _options: object, command: Command) => {
        const bench = benchOf(terminal, command);
        await placeInGroup(bench, which, device, isIn);
      });
  }
}

async function placeInGroup(bench: Bench, which: string, device: string, isIn: boolean): Promise<void> {
  const [group, deviceId] = [await findGroup(bench, which), readDeviceId(device)];
  const { groupIds = [] } = await bench.call(getDevice, { params: { deviceId } });
  const others = groupIds.filter((id) => id !== group.id);
  await bench.call(changeDevice, { params: { deviceId }, body: { groupIds: isIn ? [...others, group.id] : others } });
  bench.note(isIn ? `${deviceId} is in ${group.name}.` : `${deviceId} is not in ${group.name}.`);
}
