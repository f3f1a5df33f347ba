import { authErrors, login, signOut } from "@roost/contract/auth";
import { createClient } from "@roost/contract/client";
import { httpErrors, isAppError } from "@roost/contract/errors";
import { verifyLogin } from "@roost/contract/sign-in";
import type { Command } from "commander";

import { formatOne } from "../print.ts";
import type { Format } from "../print.ts";
import { keepBearer } from "../renewal.ts";
import { cliErrors, readAddress, readSettings, removeSettings, settingsFile } from "../settings.ts";
import { ask, readStdin } from "../terminal.ts";
import type { Terminal } from "../terminal.ts";
import { addSessionCommands } from "./sessions.ts";

/** `roost login`, `roost logout` and `roost sessions …`. */
export function addLoginCommands(program: Command, terminal: Terminal): void {
  program
    .command("login [address]")
    .description("Signs in and keeps address and token for this user, in a file nobody else can read.")
    .option("--email <email>", "who signs in; asked for when absent")
    .option("--password-stdin", "take the password from standard input")
    .option("--code <code>", "code of the authenticator app, where a second factor is on; asked for when absent")
    .action(async (address: string | undefined, options: { email?: string; passwordStdin?: true; code?: string }, command: Command) => {
      const { url: flag, output } = command.optsWithGlobals<{ url?: string; output: Format }>();
      const file = settingsFile(terminal.env);
      const fromEnv = terminal.env["ROOST_URL"];
      const given = address ?? flag ?? (fromEnv === "" ? undefined : fromEnv);
      const url = readAddress(given ?? savedLogin(file)?.url ?? (await question(terminal, "Address of Roost: ")));
      const username = options.email ?? (await question(terminal, "E-mail: "));
      const password =
        options.passwordStdin === true ? await readStdin(terminal) : await question(terminal, "Password: ", { hidden: true });
      const call = createClient({ baseUrl: url, fetch: (to, init) => terminal.fetch(to, init) });
      const answer = await call(login, { body: { username, password } }).catch(async (error: unknown) => {
        const challenge = isAppError(error, authErrors.second_factor_required.code) ? error.details["challenge"] : undefined;
        if (typeof challenge !== "string") throw error;
        const code = options.code ?? (await question(terminal, "Code of your app, or a recovery code: "));
        return call(verifyLogin, { body: { challenge, code } });
      });
      keepBearer(file, url, answer);
      const result = { url, signedInAs: username, expiresAt: answer.expires_at, keptIn: file };
      terminal.stdout.write(`${formatOne(output, result, result)}\n`);
    });

  program
    .command("logout")
    .description("Ends the session and forgets address and token on this machine.")
    .action(async () => {
      const file = settingsFile(terminal.env);
      const saved = savedLogin(file);
      removeSettings(file);
      if (saved === undefined) return;
      const call = createClient({ baseUrl: readAddress(saved.url), token: saved.token, fetch: (to, init) => terminal.fetch(to, init) });
      await call(signOut, {}).catch((error: unknown) => {
        // A token that has ended needs no ending; of what is not reached, people should know that it goes on.
        if (isAppError(error, httpErrors.unauthenticated.code)) return;
        terminal.stderr.write("Forgotten here, but Roost could not be told: end the session in the web app, or let it run out.\n");
      });
    });
  addSessionCommands(program, terminal);
}

/** What is kept may be damaged: signing in again is how it is mended. */
function savedLogin(file: string): ReturnType<typeof readSettings> {
  try {
    return readSettings(file);
  } catch {
    return undefined;
  }
}

async function question(terminal: Terminal, text: string, options?: { hidden: boolean }): Promise<string> {
  if (!terminal.stdin.isTTY) throw cliErrors.misused({ missing: text.replace(/: $/, ""), because: "there is no terminal to ask at" });
  return ask(terminal, text, options);
}
