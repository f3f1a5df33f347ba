import { AppError } from "@roost/contract/errors";
import { cliFaces } from "@roost/kits/cli-faces";
import { Command, CommanderError, InvalidArgumentError } from "commander";

import { addCommonOptions } from "./command.ts";
import { addAlarmCommands } from "./commands/alarms.ts";
import { addAuditCommands } from "./commands/audit.ts";
import { addDeviceCommandCommands } from "./commands/commands.ts";
import { addConfigurationCommands } from "./commands/configuration.ts";
import { addDeadManCommands } from "./commands/dead-man.ts";
import { addDeviceCommands } from "./commands/devices.ts";
import { addFlagCommands } from "./commands/flags.ts";
import { addHomeAssistantCommands } from "./commands/home-assistant.ts";
import { addInboxCommands } from "./commands/inbox.ts";
import { addCommandsOfKits, addKitCommands } from "./commands/kits.ts";
import { addLoginCommands } from "./commands/login.ts";
import { addNotificationCommands } from "./commands/notifications.ts";
import { addOnCallCommands } from "./commands/on-call.ts";
import { addOrganisationCommands } from "./commands/organisations.ts";
import { addPeopleCommands } from "./commands/people.ts";
import { addPersonalCommands } from "./commands/personal.ts";
import { addPlatformCommands } from "./commands/platform.ts";
import { addRejectCommands } from "./commands/rejects.ts";
import { addRetentionCommands } from "./commands/retention.ts";
import { addRolloutCommands } from "./commands/rollouts.ts";
import { addRouteCommands } from "./commands/routes.ts";
import { addRuleCommands } from "./commands/rules.ts";
import { addSecretCommands } from "./commands/secrets.ts";
import { addServiceLevelCommands } from "./commands/service-levels.ts";
import { addServiceCommands } from "./commands/services.ts";
import { addSignInProviderCommands } from "./commands/sign-in-providers.ts";
import { addSimulateCommand } from "./commands/simulate.ts";
import { addStatusCommand } from "./commands/status.ts";
import { addTelemetryCommands } from "./commands/telemetry.ts";
import { addTicketCommands } from "./commands/tickets.ts";
import { addTransferCommands } from "./commands/transfers.ts";
import { addWindowCommands } from "./commands/windows.ts";
import { asJson, printable } from "./print.ts";
import { cliErrors, isMisconfigured } from "./settings.ts";
import type { Terminal } from "./terminal.ts";

/** Exit codes: done, refused by the platform, misused, misconfigured. */
export const exit = { done: 0, refused: 1, misused: 2, misconfigured: 78 } as const;

/** Runs one command line and answers its exit code; never throws. */
export async function runProgram(args: readonly string[], terminal: Terminal): Promise<number> {
  const program = createProgram(terminal);
  try {
    await program.parseAsync([...args], { from: "user" });
    return exit.done;
  } catch (error) {
    return tell(error, terminal, wantsJson(args));
  }
}

function createProgram(terminal: Terminal): Command {
  const program = addCommonOptions(new Command("roost"))
    .description("Operates a Roost installation from the command line.")
    .version("0.1.0")
    .showHelpAfterError("(see: roost --help)")
    .configureHelp({ showGlobalOptions: true })
    .exitOverride()
    .configureOutput({
      writeOut: (text) => void terminal.stdout.write(text),
      writeErr: (text) => void terminal.stderr.write(text),
    });
  addLoginCommands(program, terminal);
  addStatusCommand(program, terminal);
  addDeviceCommands(program, terminal);
  addDeviceCommandCommands(program, terminal);
  addTransferCommands(program, terminal);
  addOrganisationCommands(program, terminal);
  addPeopleCommands(program, terminal);
  addPlatformCommands(program, terminal);
  addPersonalCommands(program, terminal);
  addTelemetryCommands(program, terminal);
  addRetentionCommands(program, terminal);
  addAlarmCommands(program, terminal);
  addTicketCommands(program, terminal);
  addServiceCommands(program, terminal);
  addServiceLevelCommands(program, terminal);
  addRuleCommands(program, terminal);
  addRouteCommands(program, terminal);
  addOnCallCommands(program, terminal);
  addWindowCommands(program, terminal);
  addConfigurationCommands(program, terminal);
  addNotificationCommands(program, terminal);
  addDeadManCommands(program, terminal);
  addInboxCommands(program, terminal);
  addHomeAssistantCommands(program, terminal);
  addRejectCommands(program, terminal);
  addAuditCommands(program, terminal);
  addFlagCommands(program, terminal);
  addRolloutCommands(program, terminal);
  addSecretCommands(program, terminal);
  addSignInProviderCommands(program, terminal);
  addKitCommands(program, terminal);
  addSimulateCommand(program, terminal);
  addCommandsOfKits(program, terminal, cliFaces);
  return program;
}

function wantsJson(args: readonly string[]): boolean {
  return args.some(
    (arg, index) => arg === "-ojson" || arg === "--output=json" || (arg === "json" && ["-o", "--output"].includes(args[index - 1] ?? "")),
  );
}

/** Errors go to standard error: a sentence and a code for people, the wire's own form for programs. */
function tell(error: unknown, terminal: Terminal, json: boolean): number {
  if (error instanceof InvalidArgumentError) {
    terminal.stderr.write(`${error.message}\n`);
    return exit.misused;
  }
  if (error instanceof CommanderError) {
    // Help and version were asked for; everything else commander has told already.
    return error.exitCode === 0 ? exit.done : exit.misused;
  }
  if (error instanceof AppError) {
    const { code, message, details } = error;
    if (json) terminal.stderr.write(`${asJson({ error: { code, message, details } })}\n`);
    else {
      terminal.stderr.write(`${printable(message)} (${code})\n`);
      for (const [name, value] of Object.entries(details)) {
        terminal.stderr.write(`  ${printable(name)}: ${printable(typeof value === "string" ? value : asJson(value, { pretty: false }))}\n`);
      }
    }
    if (code === cliErrors.misused.code) return exit.misused;
    return isMisconfigured(error) ? exit.misconfigured : exit.refused;
  }
  terminal.stderr.write(`${printable(error instanceof Error ? error.message : String(error))}\n`);
  return exit.refused;
}
