import { organisationId, supportGrantId } from "@roost/contract/ids";
import type { OrganisationId, SupportGrantId } from "@roost/contract/ids";
import { organisationErrors } from "@roost/contract/organisations";
import type { InvitationLink } from "@roost/contract/people";
import {
  addOrganisation,
  addPlatformAdministrator,
  askForAccess,
  endSupport,
  giveUpSupportGrant,
  grantSupport,
  listOrganisations,
  listOwnSupportGrants,
  listPlatformAdministrators,
  listSupportGrants,
  platformErrors,
  refuseSupport,
  removePlatformAdministrator,
  renewOwnerInvitation,
} from "@roost/contract/platform-administration";
import type { SupportGrant } from "@roost/contract/platform-administration";
import { Option } from "commander";
import type { Command } from "commander";

import { benchOf } from "../command.ts";
import type { Bench } from "../command.ts";
import { eachPage } from "../pages.ts";
import { formatList, formatOne } from "../print.ts";
import type { Row } from "../print.ts";
import { readWhole } from "../read.ts";
import { cliErrors } from "../settings.ts";
import type { Terminal } from "../terminal.ts";

/** `roost tenant list|add|owner`, `roost administrator list|add|remove`, `roost support …`: for who looks after the installation. */
export function addPlatformCommands(program: Command, terminal: Terminal): void {
  addTenantCommands(program, terminal);
  addAdministratorCommands(program, terminal);
  addSupportCommands(program, terminal);
}

const linkOf = (bench: Bench, link: InvitationLink) => link.url ?? bench.url + link.path;

async function tenantId(bench: Bench, text: string): Promise<OrganisationId> {
  const read = organisationId.safeParse(text);
  if (read.success) return read.data;
  const items = await eachPage(undefined, (page) => bench.call(listOrganisations, { query: page }));
  const named = items.filter(({ name }) => name.toLowerCase() === text.toLowerCase());
  const [one] = named;
  if (one === undefined) throw organisationErrors.not_found({ organisation: text });
  if (named.length > 1) throw cliErrors.misused({ organisation: text, because: "There are several of this name. Give the id." });
  return one.id;
}

function addTenantCommands(program: Command, terminal: Terminal): void {
  const tenant = program.command("tenant").description("For platform administrators: lists and makes organisations.");
  tenant
    .command("list")
    .description("Lists the organisations of this installation by name.")
    .action(async (_options: object, command: Command) => {
      const bench = benchOf(terminal, command);
      const items = await eachPage(undefined, (page) => bench.call(listOrganisations, { query: page }));
      bench.print(formatList(bench.format, items, ["name", "hasOwner", "createdAt", "removedAt", "id"], { items }, "No organisations."));
    });
  tenant
    .command("add <name>")
    .description("Makes an organisation and shows the link for its first owner, once.")
    .option("--owner <email>", "whom the link is for; else whoever holds it")
    .action(async (name: string, { owner: email }: { owner?: string }, command: Command) => {
      const bench = benchOf(terminal, command);
      const made = await bench.call(addOrganisation, { body: { name, ...(email === undefined ? {} : { email }) } });
      bench.print(formatOne(bench.format, { ...made.organisation, link: linkOf(bench, made.link) }, made));
      bench.note("The link is not shown again. It works once, for seven days.");
    });
  tenant
    .command("owner <organisation>")
    .description("Shows a new link for the first owner of an organisation that has none.")
    .option("--owner <email>", "whom the link is for; else whoever holds it")
    .action(async (which: string, { owner: email }: { owner?: string }, command: Command) => {
      const bench = benchOf(terminal, command);
      const made = await bench.call(renewOwnerInvitation, {
        params: { organisationId: await tenantId(bench, which) },
        body: email === undefined ? {} : { email },
      });
      bench.print(formatOne(bench.format, { link: linkOf(bench, made.link) }, made));
    });
}

function addAdministratorCommands(program: Command, terminal: Terminal): void {
  const administrator = program.command("administrator").description("Lists, makes and removes platform administrators.");
  administrator
    .command("list")
    .description("Lists who looks after the installation.")
    .action(async (_options: object, command: Command) => {
      const bench = benchOf(terminal, command);
      const { items } = await bench.call(listPlatformAdministrators, {});
      bench.print(formatList(bench.format, items, ["email", "name", "isSelf"], { items }, "Nobody."));
    });
  administrator
    .command("add <email>")
    .description("Makes somebody with an account a platform administrator.")
    .action(async (email: string, _options: object, command: Command) => {
      const bench = benchOf(terminal, command);
      const one = await bench.call(addPlatformAdministrator, { body: { email } });
      bench.print(formatOne(bench.format, one, one));
    });
  administrator
    .command("remove <email>")
    .description("Somebody is no platform administrator any more.")
    .action(async (email: string, _options: object, command: Command) => {
      const bench = benchOf(terminal, command);
      const { items } = await bench.call(listPlatformAdministrators, {});
      const one = items.find((each) => each.email === email.toLowerCase());
      if (one === undefined) throw platformErrors.administrator_not_found({ email });
      await bench.call(removePlatformAdministrator, { params: { personId: one.personId } });
      bench.note(`${one.email} is no platform administrator any more.`);
    });
}

const roleOption = (words: string) => new Option("--role <role>", words).choices(["viewer", "operator", "admin"]);

function addSupportCommands(program: Command, terminal: Terminal): void {
  const support = program.command("support").description("Lets platform administrators into an organisation for a time.");
  support
    .command("ask <organisation>")
    .description("Asks an organisation's owners to be let in, with a reason they read.")
    .requiredOption("--reason <text>", "why")
    .option("--minutes <n>", "for how long, 5 to 1440", readWhole(5, 1_440), 60)
    .addOption(roleOption("as what").default("viewer"))
    .action(async (which: string, asked: { reason: string; minutes: number; role: SupportGrant["role"] }, command: Command) => {
      const bench = benchOf(terminal, command);
      const one = await bench.call(askForAccess, { body: { organisationId: await tenantId(bench, which), ...asked } });
      bench.print(formatOne(bench.format, grantRow(one), one));
    });
  support
    .command("list")
    .description("Lists who asked your organisation to be let in; with --own, what you asked others for.")
    .option("--own", "what you asked for as a platform administrator")
    .action(async ({ own }: { own?: true }, command: Command) => {
      const bench = benchOf(terminal, command);
      const { items } = await bench.call(own === true ? listOwnSupportGrants : listSupportGrants, {});
      const columns = ["id", "state", "organisation", "who", "role", "minutes", "reason", "expiresAt"];
      bench.print(formatList(bench.format, items.map(grantRow), columns, { items }, "Nobody asked."));
    });
  support
    .command("grant <id>")
    .description("Lets a platform administrator in, for the time and role they asked for or less.")
    .option("--minutes <n>", "for how long at most", readWhole(5, 1_440))
    .addOption(roleOption("as what at most"))
    .action(async (id: string, given: { minutes?: number; role?: SupportGrant["role"] }, command: Command) => {
      const bench = benchOf(terminal, command);
      const one = await bench.call(grantSupport, { params: { supportGrantId: readGrantId(id) }, body: { ...given } });
      bench.print(formatOne(bench.format, grantRow(one), one));
    });
  for (const [verb, words, route] of [
    ["refuse", "Does not let a platform administrator in.", refuseSupport],
    ["end", "Ends a platform administrator's access early.", endSupport],
  ] as const) {
    support
      .command(`${verb} <id>`)
      .description(words)
      .action(async (id: string, _options: object, command: Command) => {
        const bench = benchOf(terminal, command);
        const one = await bench.call(route, { params: { supportGrantId: readGrantId(id) } });
        bench.print(formatOne(bench.format, grantRow(one), one));
      });
  }
  support
    .command("give-up <id>")
    .description("Takes your own request back, or leaves the organisation you were let into.")
    .action(async (id: string, _options: object, command: Command) => {
      const bench = benchOf(terminal, command);
      await bench.call(giveUpSupportGrant, { params: { supportGrantId: readGrantId(id) } });
      bench.note("Given up.");
    });
}

function readGrantId(text: string): SupportGrantId {
  const read = supportGrantId.safeParse(text);
  if (!read.success) throw cliErrors.misused({ id: text, because: "Not the id of a request. See: roost support list" });
  return read.data;
}

function grantRow({ id, state, organisation, person, role, minutes, reason, settledBy, expiresAt }: SupportGrant): Row {
  return { id, state, organisation: organisation.name, who: person.email, role, minutes, reason, settledBy, expiresAt };
}
