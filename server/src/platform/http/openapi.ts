import { httpErrors } from "@roost/contract/errors";
import type { Access } from "@roost/contract/permissions";
import { personalMark, personalNames } from "@roost/contract/personal";
import { takesIdempotencyKey } from "@roost/contract/route";
import type { Route } from "@roost/contract/route";
import { z } from "zod";

type Json = Readonly<Record<string, unknown>>;
type Told = { readonly code: string; readonly status: number; readonly message: string };

/** What else is answered to requests with an `Idempotency-Key`. */
const withKey: readonly Told[] = [
  httpErrors.idempotency_key_invalid,
  httpErrors.idempotency_key_reused,
  httpErrors.request_under_way,
  httpErrors.outcome_unknown,
  httpErrors.answer_not_kept,
  httpErrors.rights_changed,
  httpErrors.too_many_idempotency_keys,
];

const idempotencyKey: Json = {
  name: "Idempotency-Key",
  in: "header",
  required: false,
  description: "Sent again with the same key within 24 hours, the request is not done again: the answer is the first one.",
  schema: { type: "string", pattern: String.raw`^(?:[!#-~][!-~]{0,254}|"(?:[!#-\[\]-~]|\\["\\]){1,255}")$` },
};

const everyRoute: readonly Told[] = [httpErrors.invalid, httpErrors.too_many_requests, httpErrors.internal, httpErrors.unavailable];

/**
 * The reference as OpenAPI 3.1, from the same routes that the server mounts and clients are typed by.
 *
 * Shapes are those of the wire: an instant is ISO 8601 text. `x-access` names the permission a route asks for,
 * `x-personal-data` what a field tells of a person or a device.
 *
 * @param url - Address of this installation; absent, the page's own.
 */
export function openApi(routes: readonly Route[], { version, url }: { version: string; url?: string | undefined }): Json {
  const paths: Record<string, Record<string, Json>> = {};
  for (const route of routes) {
    const path = route.path.replaceAll(/:(\w+)/g, "{$1}");
    (paths[path] ??= {})[route.method.toLowerCase()] = operationOf(route);
  }
  return {
    openapi: "3.1.1",
    info: {
      title: "Roost",
      version,
      summary: "Operations for things in the field.",
      license: { name: "Apache 2.0", identifier: "Apache-2.0" },
      description:
        "Every answer carries X-Request-Id and X-Correlation-Id; a correlation id sent along is kept. " +
        "Errors have one form; branch on `error.code`. Lists answer `items`, and `next` while there are more. An answer that was given before " +
        "to the same request with the same Idempotency-Key carries X-Idempotent-Request: true.",
    },
    servers: [{ url: url ?? "/" }],
    tags: [...new Set(routes.map(tagOf))].map((name) => ({ name })),
    paths,
    components: {
      securitySchemes: {
        session: {
          type: "apiKey",
          in: "cookie",
          name: "roost_session",
          description: "Session of a person in a browser; named __Host-roost_session by https.",
        },
        token: { type: "http", scheme: "bearer", description: "API token (`roost_pat_…`) or the answer of /api/v1/auth/login." },
        device: { type: "http", scheme: "bearer", description: "A device's own token, from its claim." },
      },
      schemas: { Error: errorShape },
    },
  };
}

const errorShape: Json = {
  type: "object",
  required: ["error"],
  properties: {
    error: {
      type: "object",
      required: ["code", "message", "details", "requestId"],
      properties: {
        code: { type: "string", description: "Stable; branch on it." },
        message: { type: "string", description: "For people." },
        details: { type: "object", additionalProperties: true },
        requestId: { type: "string", format: "uuid" },
      },
    },
  },
};

function operationOf(route: Route): Json {
  const parameters = [
    ...parametersOf(route.params, "path"),
    ...parametersOf(route.query, "query"),
    ...(takesIdempotencyKey(route) ? [idempotencyKey] : []),
  ];
  return {
    operationId: route.operation,
    summary: route.summary,
    tags: [tagOf(route)],
    "x-access": route.access,
    ...(route.wholeOrganisation === true ? { "x-whole-organisation": true } : {}),
    security: securityOf(route.access),
    ...(parameters.length === 0 ? {} : { parameters }),
    ...(route.body === undefined
      ? {}
      : { requestBody: { required: true, content: { "application/json": { schema: shapeOf(route.body) } } } }),
    responses: { ...successOf(route), ...errorsOf(route) },
  };
}

function tagOf(route: Route): string {
  return /^\/api\/v1\/([a-z-]+)/.exec(route.path)?.[1] ?? "system";
}

function securityOf(access: Access): readonly Json[] {
  if (access === "public") return [];
  return access === "device" ? [{ device: [] }] : [{ session: [] }, { token: [] }];
}

function successOf(route: Route): Json {
  const status = route.status ?? (route.reply === undefined && route.streams === undefined ? 204 : 200);
  if (route.streams !== undefined)
    return { [status]: { description: "A stream.", content: { [route.streams]: { schema: { type: "string" } } } } };
  if (route.reply === undefined) return { [status]: { description: "Done; there is nothing to say." } };
  return { [status]: { description: "Done.", content: { "application/json": { schema: shapeOf(route.reply) } } } };
}

function errorsOf(route: Route): Json {
  const told: Told[] = [...(route.errors ?? []), ...everyRoute];
  if (route.access !== "public") told.push(httpErrors.unauthenticated);
  // Anyone signed in may be a token, and what belongs to a person alone is refused to it.
  if (route.access !== "public" && route.access !== "device") told.push(httpErrors.forbidden);
  if (route.method !== "GET") told.push(httpErrors.foreign_origin);
  if (takesIdempotencyKey(route)) told.push(...withKey);
  if (route.body !== undefined) told.push(httpErrors.too_large, httpErrors.unsupported_media);
  const byStatus = new Map<number, Told[]>();
  for (const error of told) {
    const known = byStatus.get(error.status) ?? [];
    // A few nouns tell of what did not fail outright by a code with status 200: they stand in the answer's body.
    if (error.status >= 400 && !known.some((one) => one.code === error.code)) byStatus.set(error.status, [...known, error]);
  }
  return Object.fromEntries(
    [...byStatus]
      .toSorted(([one], [other]) => one - other)
      .map(([status, errors]) => [
        status,
        {
          description: errors.map((error) => `\`${error.code}\`: ${error.message}`).join("\n\n"),
          content: { "application/json": { schema: { $ref: "#/components/schemas/Error" } } },
          "x-codes": errors.map((error) => error.code),
        },
      ]),
  );
}

interface ObjectSchema {
  readonly properties?: Readonly<Record<string, Json>>;
  readonly required?: readonly string[];
}

function parametersOf(shape: z.ZodType | undefined, place: "path" | "query"): Json[] {
  if (shape === undefined) return [];
  const { properties = {}, required = [] } = shapeOf(shape) as ObjectSchema;
  return Object.entries(properties).map(([name, schema]) => ({
    name,
    in: place,
    required: place === "path" || required.includes(name),
    schema,
  }));
}

/** The wire form of a shape, which is the input side of its codecs, for what comes in and what goes out alike. */
function shapeOf(shape: z.ZodType): Json {
  const {
    $schema: _,
    $defs: _any,
    ...schema
  } = z.toJSONSchema(shape, {
    io: "input",
    target: "draft-2020-12",
    unrepresentable: "any",
    override({ jsonSchema }) {
      // The pattern behind a format says the same again, in hundreds of characters.
      if (jsonSchema.format !== undefined) delete jsonSchema.pattern;
    },
  });
  const whole = withoutPointers(schema) as typeof schema;
  markPersonal(whole as JsonShape);
  return whole;
}

/** The one shape that names itself is "any JSON": a pointer to it would lead nowhere in the whole reference, and nothing said is the same. */
function withoutPointers(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(withoutPointers);
  if (typeof value !== "object" || value === null) return value;
  if ("$ref" in value && typeof value.$ref === "string" && value.$ref.startsWith("#/$defs/")) return {};
  return Object.fromEntries(Object.entries(value).map(([key, part]) => [key, withoutPointers(part)]));
}

/** Says of every field what it tells of a person or a device; shapes that say it themselves brought it along. */
function markPersonal(schema: JsonShape): void {
  for (const [name, field] of Object.entries(schema.properties ?? {})) {
    if (field[personalMark] === undefined && Object.hasOwn(personalNames, name)) field[personalMark] = personalNames[name];
    markPersonal(field);
  }
  for (const inner of [
    schema.items,
    schema.additionalProperties,
    ...(schema.anyOf ?? []),
    ...(schema.oneOf ?? []),
    ...(schema.allOf ?? []),
  ]) {
    if (typeof inner === "object") markPersonal(inner);
  }
  if (schema[personalMark] === "none") delete schema[personalMark];
}

interface JsonShape {
  properties?: Record<string, JsonShape>;
  items?: JsonShape;
  additionalProperties?: JsonShape | boolean;
  anyOf?: JsonShape[];
  oneOf?: JsonShape[];
  allOf?: JsonShape[];
  [personalMark]?: unknown;
}
