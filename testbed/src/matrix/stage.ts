import type { Call } from "@roost/contract/client";
import type pg from "pg";

import type { Catcher } from "../catchers.ts";
import type { Administrator } from "../people.ts";
import type { ServerProcess } from "../server-process.ts";
import type { CallerTerms, Place } from "./callers.ts";
import type { Arranger } from "./organisations.ts";
import type { Stored } from "./stored.ts";
import type { Wire } from "./wire.ts";

/** What a request may name, by the names that paths have: `deviceId`, `alarmId`, … */
export type Ids = Readonly<Record<string, string>>;

export interface Caller extends CallerTerms {
  /** From an address of its own, so that nobody's requests count as another's. */
  readonly wire: Wire;
  readonly headers: Readonly<Record<string, string>>;
  readonly email?: string;
  readonly personId?: string;
}

/** Two organisations with people, devices, readings, alarms and notices, on a real server. */
export interface World {
  readonly server: ServerProcess;
  readonly wire: Wire;
  readonly sql: pg.Client;
  readonly stored: Stored;
  readonly arrange: Arranger;
  readonly catcher: Catcher;
  /** PEM of the installation's own authority. */
  readonly ca: string;
  readonly administrator: Administrator;
  readonly callers: readonly Caller[];
  readonly places: Readonly<Record<Place, Ids>>;
  /** Ids of nothing. */
  readonly absent: Ids;
  as(name: string): Caller;
  /** The owner of a place's organisation, by the contract. */
  owner(place: Place): Call;
  /** By the contract, as whoever these headers are. */
  callOf(headers: Readonly<Record<string, string>>): Call;
  /** A new session of a person. */
  signInAgain(caller: Caller): Promise<Record<string, string>>;
  signIn(email: string): Promise<Record<string, string>>;
  /** A new person who may just what a caller may, signed in; a token or nobody stands for itself. */
  standIn(caller: Caller): Promise<Record<string, string>>;
  freshDevice(place: Place, options?: { claimed?: true }): Promise<Ids>;
  next(): number;
  close(): Promise<void>;
}

export const password = "a long walk to the coop at dawn";
/** Words that stand in every name of an organisation's things. */
export const markers = { a: "quokka", aSouth: "quokka-south", b: "wombat", home: "numbat" } as const;
export const organisationOf = { aNorth: "a", aSouth: "a", b: "b", home: "home" } as const;
