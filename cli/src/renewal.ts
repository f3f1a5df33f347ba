import type { Bearer } from "@roost/contract/auth";
import { createClient } from "@roost/contract/client";
import type { ClientOptions } from "@roost/contract/client";
import { refresh } from "@roost/contract/sign-in";

import { readAddress, readSettings, settingsFile, writeSettings } from "./settings.ts";
import type { Terminal } from "./terminal.ts";

/** A token that ends so soon is renewed first. */
const soonMs = 30_000;

/** Keeps what a login answered, for this user alone. */
export function keepBearer(file: string, url: string, given: Bearer): void {
  writeSettings(file, {
    url,
    token: given.access_token,
    expiresAt: given.expires_at.toISOString(),
    refreshToken: given.refresh_token,
  });
}

/** A fetch that gets the next token before the saved one ends; tokens from elsewhere are left as they are. */
export function renewingFetch(terminal: Terminal, access: { readonly url: string; readonly token: string }): ClientOptions["fetch"] {
  let renewed: Promise<string> | undefined;
  async function renew(): Promise<string> {
    const file = settingsFile(terminal.env);
    const saved = readSettings(file);
    const isSaved = saved !== undefined && saved.token === access.token && readAddress(saved.url) === access.url;
    if (!isSaved || saved.refreshToken === undefined || Date.parse(saved.expiresAt ?? "") > terminal.nowMs() + soonMs) return access.token;
    const call = createClient({ baseUrl: access.url, fetch: (to, init) => terminal.fetch(to, init) });
    const given = await call(refresh, { body: { refresh_token: saved.refreshToken } });
    keepBearer(file, access.url, given);
    return given.access_token;
  }
  return async (address, init) => {
    renewed ??= renew();
    const token = await renewed;
    return terminal.fetch(address, { ...init, headers: { ...init.headers, authorization: `Bearer ${token}` } });
  };
}
