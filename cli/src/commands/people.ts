import { invitationId } from "@roost/contract/ids";
import type { DeviceGroupId, RoleId, SiteId } from "@roost/contract/ids";
import {
  acceptInvitation,
  addInvitation,
  addRole,
  changePerson,
  changeRole,
  listInvitations,
  listPeople,
  listRoles,
  removePerson,
  removeRole,
  withdrawInvitation,
} from "@roost/contract/people";
import type { Invitation, Member } from "@roost/contract/people";
import { permissionWords } from "@roost/contract/permission-words";
import { permission, permissions, rolePermissions, roles } from "@roost/contract/permissions";
import type { Permission } from "@roost/contract/permissions";
import { InvalidArgumentError, Option } from "commander";
import type { Command } from "commander";

import { benchOf } from "../command.ts";
import type { Bench } from "../command.ts";
import { findGroup, findPerson, findRole, findSite } from "../names.ts";
import { eachPage } from "../pages.ts";
import { formatList, formatOne } from "../print.ts";
import type { Row } from "../print.ts";
import { readDurationMs } from "../read.ts";
import { cliErrors } from "../settings.ts";
import type { Terminal } from "../terminal.ts";

interface TermsOptions {
  role?: string;
  site?: string[];
  group?: string[];
  deny?: Permission[];
  denySite?: string[];
  denyGroup?: string[];
  for?: number;
}

/** `roost role …`, `roost person …`, `roost invite …`. */
export function addPeopleCommands(program: Command, terminal: Terminal): void {
  addRoleCommands(program, terminal);
  addPersonCommands(program, terminal);
  addInviteCommands(program, terminal);
}

const gather = (text: string, before: string[] | undefined): string[] => [...(before ?? []), text];

function gatherPermission(text: string, before: Permission[] | undefined): Permission[] {
  const read = permission.safeParse(text);
  if (!read.success) throw new InvalidArgumentError(`There is no permission ${text}. See: roost role permissions`);
  return [...(before ?? []), read.data];
}

function addTerms(command: Command): Command {
  return command
    .option("--role <role>", "viewer, operator, admin, owner, or one of your own")
    .option("--site <site>", "only devices at this site; may be repeated", gather)
    .option("--group <group>", "only devices in this group; may be repeated", gather)
    .option("--deny <permission>", "takes a permission out of the role; may be repeated", gatherPermission)
    .option("--deny-site <site>", "not this site; may be repeated", gather)
    .option("--deny-group <group>", "not this group; may be repeated", gather)
    .option("--for <span>", "ends by itself after that, such as 2m, 8h, 30d", readDurationMs);
}

/** Names turned into ids; only what was said is in it. */
async function termsOf(bench: Bench, options: TermsOptions) {
  const sites = (names: string[]) => Promise.all(names.map(async (name): Promise<SiteId> => (await findSite(bench, name)).id));
  const groups = (names: string[]) => Promise.all(names.map(async (name): Promise<DeviceGroupId> => (await findGroup(bench, name)).id));
  const role = options.role === undefined ? undefined : await findRole(bench, options.role);
  return {
    ...(role === undefined ? {} : { role: role.role, ...(role.id === undefined ? {} : { roleId: role.id }) }),
    ...(options.site === undefined ? {} : { siteIds: await sites(options.site) }),
    ...(options.group === undefined ? {} : { groupIds: await groups(options.group) }),
    ...(options.deny === undefined ? {} : { deniedPermissions: options.deny }),
    ...(options.denySite === undefined ? {} : { deniedSiteIds: await sites(options.denySite) }),
    ...(options.denyGroup === undefined ? {} : { deniedGroupIds: await groups(options.denyGroup) }),
  };
}

function endOf(terminal: Terminal, { for: spanMs }: TermsOptions): string | undefined {
  return spanMs === undefined ? undefined : new Date(terminal.nowMs() + spanMs).toISOString();
}

function addRoleCommands(program: Command, terminal: Terminal): void {
  const role = program.command("role").description("Lists roles and what they may; makes, changes and removes your own.");
  role
    .command("list")
    .description("Lists roles, lowest first.")
    .action(async (_options: object, command: Command) => {
      const bench = benchOf(terminal, command);
      const { items } = await bench.call(listRoles, {});
      const rows = items.map((one) => ({ ...one, own: one.id !== undefined, permissions: one.permissions.join(" ") }));
      bench.print(formatList(bench.format, rows, ["name", "own", "people", "permissions"], { items }, "No roles."));
    });
  role
    .command("permissions")
    .description("Says what every permission is for, and which of the four roles hold it.")
    .action((_options: object, command: Command) => {
      const { output } = command.optsWithGlobals<{ output: "table" | "json" | "csv" }>();
      const items = permissions.map((one) => ({
        permission: one,
        may: permissionWords[one],
        roles: roles.filter((each) => rolePermissions[each].includes(one)).join(" "),
      }));
      terminal.stdout.write(`${formatList(output, items, ["permission", "roles", "may"], { items }, "")}\n`);
    });
  role
    .command("add <name>")
    .description("Makes a role of permissions that you hold.")
    .requiredOption("--permission <permission>", "may be repeated", gatherPermission)
    .action(async (name: string, { permission: given }: { permission: Permission[] }, command: Command) => {
      const bench = benchOf(terminal, command);
      const one = await bench.call(addRole, { body: { name, permissions: given } });
      bench.print(formatOne(bench.format, { ...one, permissions: one.permissions.join(" ") }, one));
    });
  role
    .command("change <role>")
    .description("Renames a role of your own, or gives it other permissions; takes effect within 5 s.")
    .option("--name <name>")
    .option("--permission <permission>", "all that it shall hold; may be repeated", gatherPermission)
    .action(async (which: string, given: { name?: string; permission?: Permission[] }, command: Command) => {
      const bench = benchOf(terminal, command);
      const body = {
        ...(given.name === undefined ? {} : { name: given.name }),
        ...(given.permission === undefined ? {} : { permissions: given.permission }),
      };
      const one = await bench.call(changeRole, { params: { roleId: await ownRoleId(bench, which) }, body });
      bench.print(formatOne(bench.format, { ...one, permissions: one.permissions.join(" ") }, one));
    });
  role
    .command("remove <role>")
    .description("Removes a role of your own that nobody holds.")
    .action(async (which: string, _options: object, command: Command) => {
      const bench = benchOf(terminal, command);
      await bench.call(removeRole, { params: { roleId: await ownRoleId(bench, which) } });
      bench.note(`Removed ${which}.`);
    });
}

async function ownRoleId(bench: Bench, which: string): Promise<RoleId> {
  const { id } = await findRole(bench, which);
  if (id === undefined) throw cliErrors.misused({ role: which, because: "Every organisation has this role as it is." });
  return id;
}

function addPersonCommands(program: Command, terminal: Terminal): void {
  const person = program.command("person").description("Lists, shows, changes and removes people of the organisation.");
  person
    .command("list")
    .description("Lists people by name.")
    .option("--search <text>", "only those with this in their name or e-mail")
    .action(async ({ search }: { search?: string }, command: Command) => {
      const bench = benchOf(terminal, command);
      const query = search === undefined ? {} : { q: search };
      const items = await eachPage(undefined, (page) => bench.call(listPeople, { query: { ...query, ...page } }));
      bench.print(
        formatList(bench.format, items.map(memberRow), ["email", "name", "role", "where", "denied", "until"], { items }, "Nobody."),
      );
    });
  person
    .command("show <person>")
    .description("Shows what somebody may, by e-mail.")
    .action(async (which: string, _options: object, command: Command) => {
      const bench = benchOf(terminal, command);
      const one = await findPerson(bench, which);
      bench.print(
        formatOne(bench.format, { ...memberRow(one), permissions: one.permissions.join(" "), since: one.since, id: one.personId }, one),
      );
    });
  addTerms(person.command("change <person>"))
    .description("Changes what somebody may, where and until when; what is not said stays.")
    .option("--everywhere", "lifts the limit to sites and groups")
    .option("--for-good", "takes the end away")
    .option("--no-denials", "takes all denials away")
    .action(async (which: string, options: TermsOptions & { everywhere?: true; forGood?: true; denials: boolean }, command: Command) => {
      const bench = benchOf(terminal, command);
      const expiresAt = options.forGood === true ? null : endOf(terminal, options);
      const body = {
        ...(options.everywhere === true ? { siteIds: null, groupIds: null } : {}),
        ...(options.denials ? {} : { deniedPermissions: [], deniedSiteIds: [], deniedGroupIds: [] }),
        ...(await termsOf(bench, options)),
        ...(expiresAt === undefined ? {} : { expiresAt }),
      };
      const { personId } = await findPerson(bench, which);
      const one = await bench.call(changePerson, { params: { personId }, body });
      bench.print(formatOne(bench.format, memberRow(one), one));
    });
  person
    .command("remove <person>")
    .description("Takes somebody out of the organisation; what they have open ends within 5 s.")
    .action(async (which: string, _options: object, command: Command) => {
      const bench = benchOf(terminal, command);
      const { personId, email } = await findPerson(bench, which);
      await bench.call(removePerson, { params: { personId } });
      bench.note(`${email} does not belong to the organisation any more.`);
    });
}

function addInviteCommands(program: Command, terminal: Terminal): void {
  const invite = program.command("invite").description("Invites people by link or mail; lists and takes back invitations.");
  addTerms(invite.command("add [email]"))
    .description("Invites somebody for seven days and shows the link, once.")
    .addOption(new Option("--by <way>", "how the link gets there").choices(["link", "mail"]).default("link"))
    .action(async (email: string | undefined, options: TermsOptions & { by: "link" | "mail" }, command: Command) => {
      const bench = benchOf(terminal, command);
      if (options.role === undefined) throw cliErrors.misused({ missing: "--role" });
      const { role = "viewer", ...terms } = await termsOf(bench, options);
      const membershipExpiresAt = endOf(terminal, options);
      const made = await bench.call(addInvitation, {
        body: {
          role,
          ...terms,
          by: options.by,
          ...(email === undefined ? {} : { email }),
          ...(membershipExpiresAt === undefined ? {} : { membershipExpiresAt }),
        },
      });
      const link = made.link === undefined ? undefined : (made.link.url ?? bench.url + made.link.path);
      bench.print(formatOne(bench.format, { ...invitationRow(made.invitation), link }, made));
      if (link !== undefined) bench.note("The link is not shown again. It works once.");
    });
  invite
    .command("list")
    .description("Lists open invitations, newest first.")
    .action(async (_options: object, command: Command) => {
      const bench = benchOf(terminal, command);
      const { items } = await bench.call(listInvitations, {});
      const columns = ["id", "email", "role", "by", "invitedBy", "expiresAt"];
      bench.print(formatList(bench.format, items.map(invitationRow), columns, { items }, "No open invitations."));
    });
  invite
    .command("withdraw <id>")
    .description("Takes an open invitation back.")
    .action(async (id: string, _options: object, command: Command) => {
      const bench = benchOf(terminal, command);
      const read = invitationId.safeParse(id);
      if (!read.success) throw cliErrors.misused({ id, because: "Not the id of an invitation. See: roost invite list" });
      await bench.call(withdrawInvitation, { params: { invitationId: read.data } });
      bench.note("Taken back.");
    });
  invite
    .command("accept <link>")
    .description("Accepts an invitation as the person who is signed in.")
    .action(async (link: string, _options: object, command: Command) => {
      const bench = benchOf(terminal, command);
      const { organisation } = await bench.call(acceptInvitation, { body: { token: link.split("#").at(-1) ?? link } });
      bench.note(`You belong to ${organisation.name} now. Act there by: roost organisation switch ${JSON.stringify(organisation.name)}`);
    });
}

function whereOf({ siteIds, groupIds }: Pick<Member, "siteIds" | "groupIds">): string {
  if (siteIds === undefined && groupIds === undefined) return "everywhere";
  return `${siteIds?.length ?? 0} sites, ${groupIds?.length ?? 0} groups`;
}

function deniedOf({
  deniedPermissions,
  deniedSiteIds,
  deniedGroupIds,
}: Pick<Member, "deniedPermissions" | "deniedSiteIds" | "deniedGroupIds">) {
  const places = deniedSiteIds.length + deniedGroupIds.length;
  return [...deniedPermissions, ...(places === 0 ? [] : [`${places} places`])].join(" ");
}

function memberRow(one: Member): Row {
  const { email, name, roleName, isSupport, hasEnded, expiresAt } = one;
  const role = isSupport ? `${roleName} (let in for support)` : roleName;
  return { email, name, role, where: whereOf(one), denied: deniedOf(one), until: hasEnded ? "ended" : expiresAt };
}

function invitationRow(one: Invitation): Row {
  const { id, email, roleName, by, invitedBy, expiresAt } = one;
  return { id, email, role: roleName, where: whereOf(one), by, invitedBy, expiresAt };
}
