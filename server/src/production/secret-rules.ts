import { isAppError } from "@roost/contract/errors";

import { configSchema } from "../config.ts";
import type { Config } from "../config.ts";
import { checkChosenCode } from "../modules/auth/setup-code.ts";
import { makeKeyCommand } from "../platform/secrets/envelope-key.ts";
import { Secret } from "../platform/secrets/secret.ts";
import { faultIf, isLoopback } from "./fault.ts";
import type { Host, ProductionFault, Rule } from "./fault.ts";

const leastPasswordLetters = 12;
const placeholders =
  /^(?:postgres|postgresql|roost|root|admin|administrator|dev|dev-only-token|myroot|test|guest|user|pass(?:word|wd)?\d*|secret\d*|changeme|change[-_ ]?(?:me|this|it).*|replace.*|placeholder.*|example.*|default.*|insert.*|todo.*|your[-_ ].*|letmein.*|qwerty.*|x{3,}|\*+|<.*>|\$\{.*\}|123\d*|abc\w{0,5})$/i;

/** Says why something is no secret; `undefined` for what may be one. */
export function weaknessOf(secret: string, leastLetters = leastPasswordLetters): string | undefined {
  if (placeholders.test(secret.trim())) return "is a placeholder";
  if (secret.length < leastLetters) return `has fewer than ${leastLetters} characters`;
  if (new Set(secret).size < 6) return "repeats itself";
  return undefined;
}

/** The passwords and keys in the configuration, by their variable: of addresses that carry a password, the password. */
function secretsIn(config: Config): { name: string; value: string }[] {
  return Object.keys(configSchema.shape).flatMap((name) => {
    const secret: unknown = (config as Readonly<Record<string, unknown>>)[name];
    if (!(secret instanceof Secret)) return [];
    const value = secret.reveal();
    if (!URL.canParse(value) || !value.includes("://")) return [{ name, value }];
    const { password } = new URL(value);
    return password === "" ? [] : [{ name, value: decodeURIComponent(password) }];
  });
}

const setupCode: Rule = ({ ROOST_SETUP_CODE: code }) => {
  if (code === undefined) return [];
  try {
    checkChosenCode(code.reveal());
    return [];
  } catch (error) {
    const [fault = ""] = isAppError(error) ? (error.details["faults"] as readonly string[]) : [];
    const what = fault.replace(/^ROOST_SETUP_CODE: /, "").replace(/\. .*$/, "");
    return [{ setting: "ROOST_SETUP_CODE", what, mend: "leave it out and Roost makes one" }];
  }
};

const sharedSecrets: Rule = (config) => {
  const seen = new Map<string, string>();
  const faults: ProductionFault[] = [];
  for (const { name, value } of secretsIn(config)) {
    const first = seen.get(value);
    if (first === undefined) seen.set(value, name);
    else faults.push({ setting: name, what: `has the same value as ${first}`, mend: `give each its own: ${makeKeyCommand}` });
  }
  return faults;
};

const vault: Rule = (config) => {
  const { ROOST_VAULT_URL: url, ROOST_VAULT_TOKEN: token, ROOST_SEAL_KEY: key } = config;
  if (url === undefined) {
    return faultIf(
      token !== undefined,
      "ROOST_VAULT_URL",
      "is missing although there is a token for it",
      "set it, or take ROOST_VAULT_TOKEN away",
    );
  }
  const { protocol, hostname } = new URL(url);
  const weakness = token === undefined ? undefined : weaknessOf(token.reveal(), 16);
  return [
    ...faultIf(
      protocol === "http:" && !isLoopback(hostname),
      "ROOST_VAULT_URL",
      "is plain HTTP: whoever is on the way reads the key",
      "use https://",
    ),
    ...faultIf(token === undefined, "ROOST_VAULT_TOKEN", "is missing", "give Roost a token of its own, best by ROOST_VAULT_TOKEN_FILE"),
    ...faultIf(
      weakness !== undefined,
      "ROOST_VAULT_TOKEN",
      weakness ?? "",
      "make one for Roost alone, with the policy of docs/guide/secrets.md",
    ),
    ...faultIf(
      key !== undefined,
      "ROOST_SEAL_KEY",
      "is set beside ROOST_VAULT_URL, so which key is used is not clear",
      "take one of the two away",
    ),
  ];
};

/** Files that hold secrets, by the setting that names them. */
function secretFiles(config: Config): { setting: string; path: string }[] {
  const named = Object.entries(config).flatMap(([name, value]: [string, unknown]) =>
    value instanceof Secret && value.place?.kind === "file" ? [{ setting: `${name}_FILE`, path: value.place.path }] : [],
  );
  const dataDir = config.ROOST_DATA_DIR;
  const own = ["installation.key", "certificates/authority.pem", "certificates/server.pem"].map((file) => ({
    setting: "ROOST_DATA_DIR",
    path: `${dataDir}/${file}`,
  }));
  const tls = config.ROOST_TLS_KEY_FILE === undefined ? [] : [{ setting: "ROOST_TLS_KEY_FILE", path: config.ROOST_TLS_KEY_FILE }];
  return [...named, ...tls, ...own];
}

const openFiles: Rule = (config, { modeOf }: Host) =>
  secretFiles(config).flatMap(({ setting, path }) => {
    const mode = modeOf(path);
    if (mode === undefined) return [];
    // A group may read: that is how containers hand secrets over. Others may not, and nobody else may write.
    return faultIf((mode & 0o027) !== 0, setting, `names ${path}, which other users can read or change`, `chmod 600 ${path}`);
  });

export const secretRules: readonly Rule[] = [setupCode, sharedSecrets, vault, openFiles];
