import { X509Certificate } from "node:crypto";

import { homeAssistantErrors } from "@roost/contract/home-assistant";
import type { HomeAssistantBridge } from "@roost/contract/home-assistant";

import { shortOf } from "./announcing.ts";
import type { KeptBridge } from "./home-assistant-store.ts";

/** What a person sets of a bridge. */
export interface WantedBridge {
  readonly host: string;
  readonly port: number;
  readonly tls: boolean;
  readonly caPem?: string | undefined;
  readonly username?: string | undefined;
  /** Absent stays, null takes it away. */
  readonly password?: string | null | undefined;
  readonly discoveryPrefix: string;
  readonly statePrefix?: string | undefined;
  readonly publish: boolean;
  readonly takeIn: boolean;
}

/** Where states are published unless somebody says otherwise: another place for each organisation. */
export function defaultPrefix(organisationId: string): string {
  return `roost/${shortOf(organisationId)}`;
}

/** What people see of it. */
export function shownOf(kept: KeptBridge): HomeAssistantBridge {
  const { host, port, tls, caPem, username, passwordSealed, discoveryPrefix, statePrefix, publish, takeIn } = kept;
  return {
    host,
    port,
    tls,
    ...(caPem === undefined ? {} : { caPem }),
    ...(username === undefined ? {} : { username }),
    hasPassword: passwordSealed !== undefined,
    discoveryPrefix,
    statePrefix,
    publish,
    takeIn,
  };
}

/** For the record of changes: all but the certificate, which is long, and the password. */
export function recordOf(kept: KeptBridge): Record<string, unknown> {
  const { host, port, tls, username, discoveryPrefix, statePrefix, publish, takeIn } = kept;
  return { host, port, tls, ...(username === undefined ? {} : { username }), discoveryPrefix, statePrefix, publish, takeIn };
}

/** Whether a password would be shown to somebody it was not given for, or on a way it was not given for. */
export function goesElsewhere(before: KeptBridge, after: Pick<WantedBridge, "host" | "port" | "tls" | "caPem" | "username">): boolean {
  return (["host", "port", "tls", "caPem", "username"] as const).some((field) => before[field] !== after[field]);
}

/** @throws {AppError} `home_assistant.prefixes_overlap`, `home_assistant.bad_certificate_authority` */
export function checkBridge({
  discoveryPrefix,
  statePrefix,
  caPem,
}: {
  discoveryPrefix: string;
  statePrefix: string;
  caPem?: string | undefined;
}): void {
  const [discovery, state] = [`${discoveryPrefix}/`, `${statePrefix}/`];
  if (state.startsWith(discovery) || discovery.startsWith(state)) throw homeAssistantErrors.prefixes_overlap();
  if (caPem !== undefined && !isCertificate(caPem)) throw homeAssistantErrors.bad_certificate_authority();
}

function isCertificate(pem: string): boolean {
  try {
    return new X509Certificate(pem).raw.length > 0;
  } catch {
    return false;
  }
}
