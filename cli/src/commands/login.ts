import { login } from "@roost/contract/auth";
import { createClient } from "@roost/contract/client";
import type { Command } from "commander";

import { formatOne } from "../print.ts";
import type { Format } from "../print.ts";
import { cliErrors, readAddress, readSettings, removeSettings, settingsFile, writeSettings } from "../settings.ts";
import { ask, readStdin } from "../terminal.ts";
import type { Terminal } from "../terminal.ts";

/** `roost login` and `roost logout`. */
export function addLoginCommands(program: Command, terminal: Terminal): void {
  program
    .command("login [address]")
    .description("Signs in and keeps address and token for this user, in a file nobody else can read.")
    .option("--email <email>", "who signs in; asked for when absent")
    .option("--password-stdin", "take the password from standard input")
    .action(async (address: string | undefined, options: { email?: string; passwordStdin?: true }, command: Command) => {
      const { url: flag, output } = command.optsWithGlobals<{ url?: string; output: Format }>();
      const file = settingsFile(terminal.env);
      const fromEnv = terminal.env["ROOST_URL"];
      const given = address ?? flag ?? (fromEnv === "" ? undefined : fromEnv);
      const url = readAddress(given ?? savedAddress(file) ?? (await question(terminal, "Address of Roost: ")));
      const username = options.email ?? (await question(terminal, "E-mail: "));
      const password =
        options.passwordStdin === true ? await readStdin(terminal) : await question(terminal, "Password: ", { hidden: true });
      const call = createClient({ baseUrl: url, fetch: (to, init) => terminal.fetch(to, init) });
      const answer = await call(login, { body: { username, password } });
      writeSettings(file, { url, token: answer.access_token, expiresAt: answer.expires_at.toISOString() });
      const result = { url, signedInAs: username, expiresAt: answer.expires_at, keptIn: file };
      terminal.stdout.write(`${formatOne(output, result, result)}\n`);
    });

  program
    .command("logout")
    .description("Forgets address and token on this machine. The token itself ends by its date, or by removing it in the web app.")
    .action(() => removeSettings(settingsFile(terminal.env)));
}

/** What is kept may be damaged: signing in again is how it is mended. */
function savedAddress(file: string): string | undefined {
  try {
    return readSettings(file)?.url;
  } catch {
    return undefined;
  }
}

async function question(terminal: Terminal, text: string, options?: { hidden: boolean }): Promise<string> {
  if (!terminal.stdin.isTTY) throw cliErrors.misused({ missing: text.replace(/: $/, ""), because: "there is no terminal to ask at" });
  return ask(terminal, text, options);
}
