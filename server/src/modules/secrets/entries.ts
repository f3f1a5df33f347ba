import type { LengthClass, SecretEntry, SecretVersion } from "@roost/contract/secrets";

import type { DataKeyRow } from "../../platform/secrets/data-keys.ts";
import type { SecretPlace } from "../../platform/secrets/secret.ts";

/** A secret that somebody gave the server to start with. */
export interface ConfiguredSecret {
  /** Its variable. */
  readonly name: string;
  readonly about: string;
  readonly place: SecretPlace | undefined;
  /** As it is now; files are read again. */
  readonly read: () => string;
}

/** A key that lies in a file. */
export interface KeyFile {
  readonly name: string;
  readonly about: string;
  readonly path: string;
  /** Roost made it, or somebody put it there. */
  readonly isOurs: boolean;
  readonly how: string;
}

/** How long a secret is, as far as that may be told. Of an address that carries one, the password counts. */
export function lengthClassOf(value: string): LengthClass {
  const password = URL.canParse(value) ? decodeURIComponent(new URL(value).password) : "";
  const bytes = Buffer.byteLength(password === "" ? value : password);
  return bytes < 16 ? "short" : bytes < 32 ? "fair" : "long";
}

/** What a row of a key says to people. */
export function versionOf(key: DataKeyRow, currentKid: number | undefined): SecretVersion {
  const state = key.retiredAt !== undefined ? "retired" : !key.isUsable ? "next" : key.kid === currentKid ? "current" : "old";
  return { kid: key.kid, state, madeAt: key.madeAt, ...(key.retiredAt === undefined ? {} : { retiredAt: key.retiredAt }) };
}

/** A secret that Roost makes in versions, newest first. */
export function versionedEntry(name: string, about: string, versions: readonly SecretVersion[]): SecretEntry {
  const current = versions.find(({ state }) => state === "current");
  const isRotated = versions.some(({ kid, state }) => state === "old" || (state === "retired" && kid < (current?.kid ?? 0)));
  return {
    name,
    about,
    origin: "roost",
    ...(current === undefined ? {} : { version: String(current.kid), since: current.madeAt }),
    ...(current !== undefined && isRotated ? { lastRotatedAt: current.madeAt } : {}),
    lengthClass: "long",
    rotation: "rotate",
    how: `roost secrets rotate ${name}`,
    versions: [...versions],
  };
}
