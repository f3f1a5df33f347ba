import {
  addSignInProvider,
  changeSignInProvider,
  listSignInProviders,
  removeSignInProvider,
  signInProvider,
} from "@roost/contract/single-sign-on";
import { InvalidArgumentError, Option } from "commander";
import type { Command } from "commander";
import type { z } from "zod";

import { benchOf } from "../command.ts";
import type { Bench } from "../command.ts";
import { formatList, formatOne } from "../print.ts";
import { cliErrors } from "../settings.ts";
import { ask, readStdin } from "../terminal.ts";
import type { Terminal } from "../terminal.ts";

interface Options {
  name?: string;
  clientSecretStdin?: true;
  domain?: string[];
  joins?: string;
  role: "viewer" | "operator";
}

const gather = (text: string, before: string[] | undefined): string[] => [...(before ?? []), text];

/** `roost provider list|add|change|on|off|remove`: who vouches for people by single sign-on. */
export function addSignInProviderCommands(program: Command, terminal: Terminal): void {
  const provider = program.command("provider").description("Shows and changes who vouches for people by single sign-on.");

  provider
    .command("list")
    .description("Lists the providers; never their secrets.")
    .action(async (_options: object, command: Command) => {
      const bench = benchOf(terminal, command);
      const answer = await bench.call(listSignInProviders, {});
      bench.print(
        formatList(bench.format, answer.items.map(rowOf), ["id", "name", "issuer", "client", "state", "newcomers"], answer, "None."),
      );
    });

  const withTerms = (command: Command) =>
    command
      .option("--client-secret-stdin", "take the client's secret from standard input")
      .option("--domain <domain>", "mail domain whose people it may vouch for; may come again", gather)
      .option("--joins <organisation>", "id of the organisation that newcomers of these domains become members of")
      .addOption(new Option("--role <role>", "what newcomers become").choices(["viewer", "operator"]).default("viewer"));

  withTerms(provider.command("add <issuer> <clientId>"))
    .description("Adds a provider, after asking it for its configuration.")
    .requiredOption("--name <name>", "what people read on the button")
    .action(async (issuer: string, clientId: string, options: Options & { name: string }, command: Command) => {
      const bench = benchOf(terminal, command);
      const body = { name: options.name, issuer, clientId, ...(await termsOf(terminal, options)) };
      const added = await bench.call(addSignInProvider, { body });
      bench.print(formatOne(bench.format, rowOf(added), added));
      if (added.redirectUri !== undefined) bench.note(`Register this address at the provider: ${added.redirectUri}`);
      else bench.note("Set ROOST_PUBLIC_URL: without it nobody can be sent back from the provider.");
    });

  withTerms(provider.command("change <id>"))
    .description("Changes name, secret, domains or what newcomers become.")
    .option("--name <name>", "what people read on the button")
    .action(async (providerId: string, options: Options, command: Command) => {
      const bench = benchOf(terminal, command);
      const name = options.name === undefined ? {} : { name: options.name };
      await change(bench, providerId, { ...name, ...(await termsOf(terminal, options)) });
    });

  for (const [word, isEnabled] of [
    ["on", true],
    ["off", false],
  ] as const) {
    provider
      .command(`${word} <id>`)
      .description(isEnabled ? "Lets people sign in by it again." : "Lets nobody in by it, and ends the sessions it vouched for.")
      .action(async (providerId: string, _options: object, command: Command) => {
        await change(benchOf(terminal, command), providerId, { isEnabled });
      });
  }

  provider
    .command("remove <id>")
    .description("Takes a provider away, with the links of all accounts to it.")
    .option("--confirm <name>", "the provider's name; asked for when absent")
    .action(async (providerId: string, options: { confirm?: string }, command: Command) => {
      const bench = benchOf(terminal, command);
      const { items } = await bench.call(listSignInProviders, {});
      const name = items.find((one) => one.id === providerId)?.name;
      if (name !== undefined) {
        if (options.confirm === undefined && !terminal.stdin.isTTY) throw cliErrors.misused({ missing: `--confirm "${name}"` });
        const confirm = options.confirm ?? (await ask(terminal, `People signed in by ${name} lose that way in. Type its name to go on: `));
        if (confirm !== name) throw cliErrors.misused({ because: "that is not its name" });
      }
      await bench.call(removeSignInProvider, { params: { providerId } });
      bench.note("Removed.");
    });
}

async function change(bench: Bench, providerId: string, body: z.input<NonNullable<(typeof changeSignInProvider)["body"]>>): Promise<void> {
  const changed = await bench.call(changeSignInProvider, { params: { providerId }, body });
  bench.print(formatOne(bench.format, rowOf(changed), changed));
}

async function termsOf(terminal: Terminal, options: Options) {
  if (options.joins !== undefined && !signInProvider.shape.id.safeParse(options.joins).success)
    throw new InvalidArgumentError("--joins takes the id of an organisation. See: roost organisation list");
  return {
    ...(options.clientSecretStdin === true ? { clientSecret: await readStdin(terminal) } : {}),
    ...(options.domain === undefined ? {} : { allowedDomains: options.domain }),
    ...(options.joins === undefined ? {} : { joins: { organisationId: options.joins, role: options.role } }),
  };
}

function rowOf(one: z.output<typeof signInProvider>) {
  const { joins, allowedDomains } = one;
  return {
    id: one.id,
    name: one.name,
    issuer: one.issuer,
    client: one.clientId,
    state: one.isEnabled ? "on" : "off",
    newcomers: joins === undefined || allowedDomains.length === 0 ? "nobody" : `${joins.role}s of ${allowedDomains.join(", ")}`,
  };
}
