import { z } from "zod";

import type { Route } from "./route.ts";

/**
 * What a field says of a person, or of a device that stands in somebody's home. The classification drives what the log shows, what
 * the reference says (`x-personal-data`) and what a reader of the contract has to think of.
 *
 * - `email`, `name`: of a person.
 * - `id`: points at one person, device or token.
 * - `address`: where in the network somebody was.
 * - `text`: words that people or devices chose, names of things included; anything may stand in them.
 * - `secret`: opens something. Shown once or never, in no log, stored as a hash or sealed.
 * - `none`: looks like free text, and is the platform's own word or opaque.
 */
export const personalKinds = ["email", "name", "id", "address", "text", "secret", "none"] as const;
export type PersonalKind = (typeof personalKinds)[number];

/** Where the classification stands in a shape's metadata and in the reference. */
export const personalMark = "x-personal-data";

/**
 * What a field of this name is wherever it stands, unless its shape says otherwise: one noun has one name everywhere. Names that mean
 * different things in different places (`code`, `url`, `value`) are not in it: there the shape has to say.
 */
export const personalNames: Readonly<Record<string, PersonalKind>> = {
  email: "email",
  username: "email",
  by: "name",
  acknowledgedBy: "name",
  changedBy: "name",
  createdBy: "name",
  actor: "name",
  personId: "id",
  deviceId: "id",
  device_id: "id",
  tokenId: "id",
  nounId: "id",
  objectId: "id",
  client_id: "id",
  confirm: "id",
  remoteAddress: "address",
  name: "text",
  deviceName: "text",
  devicePurpose: "text",
  targetName: "text",
  roleName: "text",
  organisationName: "text",
  siteName: "text",
  userAgent: "text",
  note: "text",
  why: "text",
  reason: "text",
  detail: "text",
  about: "text",
  excerpt: "text",
  topic: "text",
  title: "text",
  text: "text",
  titleTemplate: "text",
  bodyTemplate: "text",
  probableCause: "text",
  source: "text",
  type: "text",
  attributes: "text",
  before: "text",
  after: "text",
  firmwareVersion: "text",
  firmware_version: "text",
  q: "text",
  password: "secret",
  currentPassword: "secret",
  newPassword: "secret",
  token: "secret",
  access_token: "secret",
  refresh_token: "secret",
  secret: "secret",
  clientSecret: "secret",
  claimSecret: "secret",
  signingSecret: "secret",
  claimUri: "secret",
  qrSvg: "secret",
  recoveryCodes: "secret",
  challenge: "secret",
  nonce: "secret",
  hmac_hex: "secret",
  cursor: "none",
  next: "none",
  message: "none",
  metric: "none",
  metrics: "none",
  timeZone: "none",
  version: "none",
  kind: "none",
  objectKind: "none",
  action: "none",
  correlationId: "none",
  state: "none",
  mac: "none",
  signature: "none",
  publicKeyPem: "none",
  publicKey: "none",
  environment: "none",
  environments: "none",
  kinds: "none",
  variant: "none",
  variants: "none",
  offVariant: "none",
  kitId: "none",
  keptBy: "none",
  stage: "none",
};

/** Classifies a shape; see {@link personalKinds}. Goes onto the innermost shape, so that what wraps it keeps the classification. */
export function personal<Shape extends z.ZodType>(kind: PersonalKind, shape: Shape): Shape {
  return shape.meta({ [personalMark]: kind });
}

/** One place of a route where a value stands. */
export interface ContractField {
  readonly operation: string;
  readonly part: "params" | "query" | "body" | "reply";
  /** From the part's top, `*` for any entry of a list or record: `items.*.name`. */
  readonly path: string;
  /** The last name of the path that is no `*`. */
  readonly key: string;
  readonly kind: PersonalKind | undefined;
  /** Could hold words that nobody foresaw, and so has to be classified. */
  readonly isFree: boolean;
}

/** Every value that routes take and answer, leaf by leaf, with its classification. */
export function contractFields(routes: readonly Route[]): ContractField[] {
  const fields: ContractField[] = [];
  for (const route of routes) {
    for (const part of ["params", "query", "body", "reply"] as const) {
      const shape = route[part];
      if (shape === undefined) continue;
      walk(shape, { path: [], kind: undefined, seen: new Set() }, (path, kind, isFree) => {
        const key = path.findLast((name) => name !== "*") ?? "";
        const known = kind ?? (Object.hasOwn(personalNames, key) ? personalNames[key] : undefined);
        fields.push({ operation: route.operation, part, path: path.join("."), key, kind: known, isFree });
      });
    }
  }
  return fields;
}

interface Place {
  readonly path: readonly string[];
  /** Of the nearest shape above that was classified: it holds for all that is inside. */
  readonly kind: PersonalKind | undefined;
  /** Shapes above, since a shape may hold itself. */
  readonly seen: ReadonlySet<z.core.$ZodType>;
}

type Found = (path: readonly string[], kind: PersonalKind | undefined, isFree: boolean) => void;

/** What has no words in it, whatever stands there. */
const plainTypes = new Set(["number", "int", "boolean", "bigint", "date", "null", "undefined", "void", "never", "nan", "enum", "literal"]);
/** Texts of a fixed form that says nothing by itself. */
const plainFormats = new Set(["uuid", "guid", "datetime", "date", "time", "duration"]);

function walk(shape: z.core.$ZodType, { path, kind: above, seen }: Place, found: Found): void {
  if (seen.has(shape)) return;
  const given: unknown = z.globalRegistry.get(shape)?.[personalMark];
  const kind = personalKinds.find((one) => one === given) ?? above;
  const inside = (inner: z.core.$ZodType, ...names: string[]) =>
    walk(inner, { path: [...path, ...names], kind, seen: new Set([...seen, shape]) }, found);
  // Zod's own description of a shape, as its documentation for authors of libraries has it.
  const { def } = shape._zod as unknown as { def: Description };
  switch (def.type) {
    case "object":
      for (const [name, inner] of Object.entries(def.shape ?? {})) inside(inner, name);
      if (def.catchall !== undefined && !isNever(def.catchall)) inside(def.catchall, "*");
      return;
    case "array":
      if (def.element !== undefined) inside(def.element, "*");
      return;
    case "record":
    case "map":
      if (def.valueType !== undefined) inside(def.valueType, "*");
      return;
    case "tuple":
      for (const [at, inner] of (def.items ?? []).entries()) inside(inner, String(at));
      return;
    case "union":
      for (const inner of def.options ?? []) inside(inner);
      return;
    case "intersection":
      for (const inner of [def.left, def.right]) if (inner !== undefined) inside(inner);
      return;
    case "lazy":
      if (def.getter !== undefined) inside(def.getter());
      return;
    case "pipe":
      // The side that is on the wire, unless only the other one is classified.
      if (def.in !== undefined) inside(isTransform(def.in) && def.out !== undefined ? def.out : def.in);
      return;
    default:
      if (def.innerType !== undefined) return inside(def.innerType);
      found(path, kind, !plainTypes.has(def.type) && !(def.type === "string" && plainFormats.has(def.format ?? "")));
  }
}

interface Description {
  readonly type: string;
  readonly format?: string;
  readonly shape?: Readonly<Record<string, z.core.$ZodType>>;
  readonly catchall?: z.core.$ZodType;
  readonly element?: z.core.$ZodType;
  readonly valueType?: z.core.$ZodType;
  readonly items?: readonly z.core.$ZodType[];
  readonly options?: readonly z.core.$ZodType[];
  readonly left?: z.core.$ZodType;
  readonly right?: z.core.$ZodType;
  readonly in?: z.core.$ZodType;
  readonly out?: z.core.$ZodType;
  readonly innerType?: z.core.$ZodType;
  readonly getter?: () => z.core.$ZodType;
}

function isNever(shape: z.core.$ZodType): boolean {
  return (shape._zod as unknown as { def: Description }).def.type === "never";
}

function isTransform(shape: z.core.$ZodType): boolean {
  return (shape._zod as unknown as { def: Description }).def.type === "transform";
}
