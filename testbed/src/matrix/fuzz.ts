import fc from "fast-check";

import { codeOf } from "./reference.ts";
import type { Operation } from "./reference.ts";
import { bodies, parts } from "./shapes.ts";
import type { Caller, World } from "./stage.ts";
import type { WireAnswer } from "./wire.ts";

/** A request before it is known which things there are to name. */
export interface Drawn {
  /** Of all who may ask. */
  readonly caller: number;
  readonly parameters: Readonly<Record<string, string>>;
  /** Where it is even, a thing that is there is named instead; which one, the number says. */
  readonly picks: readonly number[];
  readonly body: string | undefined;
  readonly contentType: string;
}

export function requestsOf(operation: Operation): fc.Arbitrary<Drawn> {
  const optional = operation.parameters.filter(({ required }) => !required).map(({ name }) => name);
  const parameters = fc.record(Object.fromEntries(operation.parameters.map(({ name, schema }) => [name, parts(schema)])), {
    requiredKeys: operation.parameters.map(({ name }) => name).filter((name) => !optional.includes(name)),
  }) as fc.Arbitrary<Record<string, string>>;
  return fc.record({
    caller: fc.nat(),
    parameters,
    picks: fc.array(fc.nat(1_000), { minLength: 8, maxLength: 8 }),
    body: operation.body === undefined ? fc.constant(undefined) : bodies(operation.body),
    contentType: fc.oneof(
      { weight: 30, arbitrary: fc.constant("application/json") },
      { weight: 1, arbitrary: fc.constantFrom("text/plain", "") },
    ),
  });
}

/** Things that are there, by what paths call them; answers add to them. */
export type Pool = Map<string, string[]>;

export function createPool(world: World): Pool {
  const names = Object.keys(world.places.aNorth);
  return new Map(
    names.map((name) => [name, [world.places.aNorth[name] ?? "", world.places.aSouth[name] ?? "", world.places.b[name] ?? ""]]),
  );
}

const made: Readonly<Record<string, readonly [name: string, at: readonly string[]]>> = {
  addDevice: ["deviceId", ["device", "id"]],
  addAlarmRule: ["ruleId", ["id"]],
  addNotificationTarget: ["targetId", ["id"]],
  addApiToken: ["tokenId", ["token", "id"]],
  addSite: ["siteId", ["id"]],
  addDeviceGroup: ["groupId", ["id"]],
  addRole: ["roleId", ["id"]],
  addInvitation: ["invitationId", ["invitation", "id"]],
  offerDevice: ["transferId", ["transfer", "id"]],
  addFlag: ["key", ["key"]],
  addRolloutPlan: ["planId", ["id"]],
  gardenAddPlant: ["plantId", ["id"]],
  gardenOldAddPlant: ["plantId", ["id"]],
};

/** Keeps what an operation made, for requests to come. */
export function learn(pool: Pool, operation: Operation, answer: WireAnswer): void {
  const [name, at] = made[operation.id] ?? [];
  if (name === undefined || at === undefined || answer.status !== operation.success) return;
  let value: unknown = JSON.parse(answer.body);
  for (const key of at) value = (value as Record<string, unknown> | undefined)?.[key];
  if (typeof value !== "string") return;
  const known = pool.get(name) ?? [];
  pool.set(name, [...known.slice(-20), value]);
}

/** The bytes of an address; texts that have none in UTF-8 are sent as what stands in for them. */
function encoded(text: string): string {
  return [...Buffer.from(text)]
    .map((byte) =>
      /[A-Za-z0-9_.~-]/.test(String.fromCharCode(byte)) ? String.fromCharCode(byte) : `%${byte.toString(16).padStart(2, "0")}`,
    )
    .join("");
}

/** What goes over the wire: picks are made, places filled. */
export function filledIn(
  operation: Operation,
  drawn: Drawn,
  pool: Pool,
): { path: string; body: string | undefined; headers: Readonly<Record<string, string>>; values: Readonly<Record<string, string>> } {
  const values: Record<string, string> = { ...drawn.parameters };
  const pick = (name: string, index: number): string | undefined => {
    const number = drawn.picks[index % drawn.picks.length] ?? 1;
    const known = pool.get(name);
    return known === undefined || known.length === 0 || number % 2 === 1 ? undefined : known[number % known.length];
  };
  for (const [index, { name, in: place }] of operation.parameters.entries()) {
    const picked = pick(name, index);
    if (picked !== undefined && (name in values || place === "path")) values[name] = picked;
    if (place === "path" && values[name] === "") values[name] = "none";
  }
  let { body } = drawn;
  if (body !== undefined) {
    for (const [index, name] of ["deviceId", "siteId", "groupId", "roleId", "organisationId", "key"].entries()) {
      const picked = pick(name, index + 3);
      if (picked === undefined) continue;
      body = body
        .replace(new RegExp(`("${name}":)"[^"\\\\]*"`), `$1"${picked}"`)
        .replace(new RegExp(`("${name}s":\\[)"[^"\\\\]*"`), `$1"${picked}"`);
    }
  }
  const path = operation.path.replaceAll(/\{(\w+)\}/g, (_, name: string) => encoded(values[name] ?? "none"));
  const query = operation.parameters
    .filter(({ name, in: place }) => place === "query" && values[name] !== undefined)
    .map(({ name }) => `${name}=${encoded(values[name] ?? "")}`)
    .join("&");
  const headers: Record<string, string> = {};
  for (const { name } of operation.parameters.filter(({ in: place }) => place === "header")) {
    const text = values[name];
    if (text === undefined) continue;
    // Few bring a key: what was asked by one already is not looked into again.
    const isMeant = (drawn.picks[0] ?? 1) % 8 === 0;
    // What no header can carry, and what loses its ends on the way, never arrives as it was drawn.
    if (/^[\x21-\x7e](?:[\x20-\x7e]*[\x21-\x7e])?$/.test(text) && text.length < 8_000 && isMeant) headers[name] = text;
    else delete values[name];
  }
  return { path: query === "" ? path : `${path}?${query}`, body, headers, values };
}

/** Faults of an answer: what broke, what nobody told of, and what should never have been taken. */
export function faultsOf(
  operation: Operation,
  sent: { body: string | undefined; contentType: string; values: Readonly<Record<string, string>> },
  answer: WireAnswer,
): string[] {
  const faults = operation.faultsOf(answer);
  // A 503 with a code of a noun's own says what is not set up yet, such as a model; of the platform, that something broke.
  const isBroken = answer.status === 503 && /^(?:http|kits)\./.test(codeOf(answer.body) ?? "http.");
  if (answer.status === 500 || isBroken) faults.push(`answered ${answer.status}: ${answer.body.slice(0, 200)}`);
  if (answer.status < 400 && operation.body !== undefined) {
    let value: unknown;
    let isJson = true;
    try {
      value = JSON.parse(sent.body ?? "");
    } catch {
      isJson = false;
    }
    // What people write is taken without the blanks around it.
    if (!isJson || (!operation.allowsBody(value) && !operation.allowsBody(trimmed(value))))
      faults.push(`took a body that the reference does not allow: ${(sent.body ?? "").slice(0, 300)}`);
    if (sent.contentType !== "application/json") faults.push(`took a body of the type ${sent.contentType}`);
  }
  if (answer.status < 400) {
    for (const [name, text] of Object.entries(sent.values)) {
      if (!operation.allowsPart(name, text)) faults.push(`took ${name}=${JSON.stringify(text.slice(0, 100))}`);
    }
  }
  return faults;
}

function trimmed(value: unknown): unknown {
  if (typeof value === "string") return value.trim();
  if (Array.isArray(value)) return value.map(trimmed);
  if (typeof value !== "object" || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([name, part]) => [name, trimmed(part)]));
}

/** Who asks what. A device speaks for itself; who is spent by a request is somebody made for it. */
export function callersFor(operation: Operation, world: World): readonly Caller[] {
  const as = (...names: readonly string[]) => names.map((name) => world.as(name));
  if (operation.access === "device") return as("device of A");
  if (operation.access.startsWith("platform:")) return as("platform administrator");
  return as("owner A", "owner A", "admin A of one site", "token A");
}

/** Ends the session or the membership of whoever asks. */
export const spending: ReadonlySet<string> = new Set([
  "signOut",
  "signOutEverywhere",
  "endOtherSessions",
  "endSession",
  "leaveOrganisation",
  "chooseOrganisation",
  "changePassword",
  "enrolSecondFactor",
  "confirmSecondFactor",
  "removePerson",
  "changePerson",
  "erasePerson",
  "removePlatformAdministrator",
]);
