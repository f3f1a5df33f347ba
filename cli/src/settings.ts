import { chmodSync, mkdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { homedir } from "node:os";
import { dirname, join } from "node:path";

import { AppError, defineErrors } from "@roost/contract/errors";
import { z } from "zod";

export const cliErrors = defineErrors("cli", {
  misused: [400, "The command was not understood. See its help by --help."],
  no_address: [0, "Where is Roost? Sign in once by `roost login <address>`, or set ROOST_URL."],
  no_token: [0, "Who are you? Sign in by `roost login`, or set ROOST_TOKEN to an API token."],
  bad_settings: [0, "The settings file cannot be read. Sign in again by `roost login`, or remove the file."],
  open_settings: [0, "Other users of this machine can read the settings file, and the token in it. Close it by chmod 600."],
  bad_address: [0, "The address of Roost is not an http or https URL."],
});

/** Codes that mean: this machine is set up wrongly, asking again will not help. */
export function isMisconfigured(error: unknown): boolean {
  return error instanceof AppError && error.code.startsWith("cli.") && error.code !== cliErrors.misused.code;
}

const saved = z.object({
  url: z.string(),
  token: z.string(),
  expiresAt: z.string().optional(),
  /** Answers the next token, once. */
  refreshToken: z.string().optional(),
});
type Saved = z.infer<typeof saved>;

/** Where the command line keeps address and token. */
export function settingsFile(env: Readonly<Record<string, string | undefined>>): string {
  const xdg = env["XDG_CONFIG_HOME"];
  const base = xdg !== undefined && xdg !== "" ? xdg : join(env["HOME"] ?? homedir(), ".config");
  return join(base, "roost", "cli.json");
}

/**
 * Reads what `roost login` saved.
 *
 * @throws {AppError} `cli.bad_settings`, `cli.open_settings`
 */
export function readSettings(file: string): Saved | undefined {
  let text: string;
  try {
    if (process.platform !== "win32" && (statSync(file).mode & 0o077) !== 0) throw cliErrors.open_settings({ file });
    text = readFileSync(file, "utf8");
  } catch (error) {
    if (error instanceof AppError) throw error;
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return undefined;
    throw cliErrors.bad_settings({ file }, { cause: error });
  }
  try {
    return saved.parse(JSON.parse(text));
  } catch (cause) {
    throw cliErrors.bad_settings({ file }, { cause });
  }
}

/** Saves address and token for this user alone. */
export function writeSettings(file: string, settings: Saved): void {
  mkdirSync(dirname(file), { recursive: true, mode: 0o700 });
  writeFileSync(file, `${JSON.stringify(settings, undefined, 2)}\n`, { mode: 0o600 });
  // An older file keeps its mode when it is written again.
  chmodSync(file, 0o600);
}

export function removeSettings(file: string): void {
  rmSync(file, { force: true });
}

/**
 * The address of Roost in the form clients use: no slash at the end.
 *
 * @throws {AppError} `cli.bad_address`
 */
export function readAddress(text: string): string {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  if (url === undefined || !/^https?:$/.test(url.protocol)) throw cliErrors.bad_address({ address: text });
  return `${url.origin}${url.pathname.replace(/\/+$/, "")}`;
}

/**
 * Where Roost is and who asks: from the environment first (`ROOST_URL`, `ROOST_TOKEN`, `ROOST_TOKEN_FILE`), then from the settings file.
 * A token is only used for the address it was saved for.
 *
 * @throws {AppError} `cli.no_address`, `cli.no_token`, `cli.bad_address` and those of {@link readSettings}
 */
export function findAccess(
  env: Readonly<Record<string, string | undefined>>,
  flags: { url?: string | undefined },
): { url: string; token: string } {
  const given = flags.url ?? emptyAsAbsent(env["ROOST_URL"]);
  const tokenFile = emptyAsAbsent(env["ROOST_TOKEN_FILE"]);
  const tokenGiven = emptyAsAbsent(env["ROOST_TOKEN"]) ?? (tokenFile === undefined ? undefined : readToken(tokenFile));
  const file = given !== undefined && tokenGiven !== undefined ? undefined : readSettings(settingsFile(env));
  const address = given ?? file?.url;
  if (address === undefined) throw cliErrors.no_address();
  const url = readAddress(address);
  const token = tokenGiven ?? (file !== undefined && readAddress(file.url) === url ? file.token : undefined);
  if (token === undefined) throw cliErrors.no_token({ address: url });
  return { url, token };
}

function emptyAsAbsent(text: string | undefined): string | undefined {
  return text === "" ? undefined : text;
}

function readToken(file: string): string {
  try {
    return readFileSync(file, "utf8").trim();
  } catch (cause) {
    throw cliErrors.bad_settings({ file }, { cause });
  }
}
