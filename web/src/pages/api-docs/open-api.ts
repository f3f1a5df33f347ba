import { z } from "zod";

const jsonSchema = z.record(z.string(), z.unknown());
export type JsonSchema = z.output<typeof jsonSchema>;

const parameter = z.object({
  name: z.string(),
  in: z.string(),
  required: z.boolean().default(false),
  description: z.string().optional(),
  schema: jsonSchema.default({}),
});
export type Parameter = z.output<typeof parameter>;

const content = z.record(z.string(), z.object({ schema: jsonSchema.optional() })).default({});
const operation = z.object({
  operationId: z.string().default(""),
  summary: z.string().default(""),
  description: z.string().optional(),
  tags: z.array(z.string()).default([]),
  parameters: z.array(parameter).default([]),
  requestBody: z.object({ content }).optional(),
  responses: z.record(z.string(), z.object({ description: z.string().default(""), content })).default({}),
});

const methods = ["get", "post", "put", "patch", "delete"] as const;
const document = z.object({
  info: z.object({ title: z.string(), version: z.string(), description: z.string().optional() }),
  paths: z.record(z.string(), z.record(z.string(), z.unknown())),
  components: z.object({ schemas: z.record(z.string(), jsonSchema).default({}) }).default({ schemas: {} }),
});

/** One operation, ready to show and to try. */
export interface Operation {
  readonly id: string;
  readonly method: string;
  readonly path: string;
  readonly group: string;
  readonly summary: string;
  readonly access: string;
  readonly parameters: readonly Parameter[];
  readonly body: JsonSchema | undefined;
  readonly answers: readonly {
    readonly status: string;
    readonly description: string;
    readonly media: string;
    readonly schema: JsonSchema | undefined;
  }[];
  readonly errors: readonly { readonly code: string; readonly status: number; readonly message: string }[];
}

export interface Reference {
  readonly title: string;
  readonly version: string;
  readonly operations: readonly Operation[];
  readonly schemas: Readonly<Record<string, JsonSchema>>;
}

/** Reads an OpenAPI document as far as the page shows it. */
export function readReference(json: unknown): Reference {
  const { info, paths, components } = document.parse(json);
  const operations = Object.entries(paths).flatMap(([path, item]) =>
    methods.flatMap((method) => {
      const found = operation.safeParse(item[method]);
      return found.success ? [readOperation(path, method, found.data, (item[method] ?? {}) as Record<string, unknown>)] : [];
    }),
  );
  return { title: info.title, version: info.version, operations, schemas: components.schemas };
}

/** Errors of one status, as the document tells them: a line of `code`: message each. */
function readErrors(status: string, description: string): Operation["errors"] {
  return [...description.matchAll(/^`([a-z_.]+)`: (.+)$/gm)].map(([, code = "", message = ""]) => ({
    code,
    status: Number(status),
    message,
  }));
}

function readOperation(path: string, method: string, one: z.output<typeof operation>, raw: Record<string, unknown>): Operation {
  const body = one.requestBody?.content["application/json"]?.schema;
  const access = raw["x-access"];
  return {
    id: one.operationId,
    method: method.toUpperCase(),
    path,
    group: one.tags[0] ?? groupOf(path),
    summary: one.summary,
    access: typeof access === "string" ? access : "",
    parameters: one.parameters,
    body,
    answers: Object.entries(one.responses)
      .filter(([status]) => Number(status) < 400)
      .map(([status, answer]) => {
        const [media = "", held] = Object.entries(answer.content)[0] ?? [];
        return { status, description: answer.description, media, schema: held?.schema };
      }),
    errors: Object.entries(one.responses).flatMap(([status, answer]) =>
      Number(status) < 400 ? [] : readErrors(status, answer.description),
    ),
  };
}

/** `/api/v1/devices/{deviceId}` belongs to `devices`; what has no version to `system`. */
function groupOf(path: string): string {
  return /^\/api\/v1\/([a-z-]+)/.exec(path)?.[1] ?? "system";
}

/** An example that fits a schema, small and readable; follows references within the document, but not into themselves. */
export function exampleOf(schema: JsonSchema | undefined, schemas: Readonly<Record<string, JsonSchema>>, depth = 0): unknown {
  if (schema === undefined || depth > 8) return null;
  if (schema["example"] !== undefined) return schema["example"];
  if (Array.isArray(schema["examples"]) && schema["examples"].length > 0) return schema["examples"][0];
  if (schema["default"] !== undefined) return schema["default"];
  if (schema["const"] !== undefined) return schema["const"];
  if (Array.isArray(schema["enum"])) return schema["enum"][0];
  const reference = schema["$ref"];
  if (typeof reference === "string") return exampleOf(schemas[reference.split("/").at(-1) ?? ""], schemas, depth + 1);
  for (const word of ["anyOf", "oneOf", "allOf"]) {
    const choices = schema[word];
    if (Array.isArray(choices)) return exampleOf(choices[0] as JsonSchema, schemas, depth + 1);
  }
  return exampleOfType(schema, schemas, depth);
}

function exampleOfType(schema: JsonSchema, schemas: Readonly<Record<string, JsonSchema>>, depth: number): unknown {
  const type = Array.isArray(schema["type"]) ? schema["type"].find((one) => one !== "null") : schema["type"];
  switch (type) {
    case "object": {
      const properties = Object.entries((schema["properties"] ?? {}) as Record<string, JsonSchema>);
      const required = new Set(Array.isArray(schema["required"]) ? (schema["required"] as string[]) : []);
      const shown = required.size > 0 ? properties.filter(([name]) => required.has(name)) : properties;
      return Object.fromEntries(shown.map(([name, one]) => [name, exampleOf(one, schemas, depth + 1)]));
    }
    case "array":
      return [exampleOf(schema["items"] as JsonSchema | undefined, schemas, depth + 1)];
    case "integer":
    case "number":
      return typeof schema["minimum"] === "number" ? schema["minimum"] : 1;
    case "boolean":
      return true;
    case "string":
      return exampleText(schema);
    default:
      return {};
  }
}

function exampleText(schema: JsonSchema): string {
  switch (schema["format"]) {
    case "date-time":
      return "2026-03-29T04:05:06Z";
    case "uuid":
      return "01890a5d-ac96-774b-bcce-b302099a8057";
    case "email":
      return "you@example.org";
    case "uri":
      return "https://example.org";
    default:
      return "text";
  }
}

/** A path with its places filled in and its query added; empty query values are left out. */
export function fillPath(path: string, values: Readonly<Record<string, string>>, parameters: readonly Parameter[]): string {
  const filled = path.replaceAll(/\{(\w+)\}/g, (_, name: string) => encodeURIComponent(values[name] ?? ""));
  const query = new URLSearchParams();
  for (const { name, in: where } of parameters) {
    const value = values[name];
    if (where === "query" && value !== undefined && value !== "") query.append(name, value);
  }
  const text = query.toString();
  return text === "" ? filled : `${filled}?${text}`;
}

/** The headers that were filled in. */
export function headersOf(values: Readonly<Record<string, string>>, parameters: readonly Parameter[]): Readonly<Record<string, string>> {
  const given = parameters.filter(({ name, in: where }) => where === "header" && (values[name] ?? "") !== "");
  return Object.fromEntries(given.map(({ name }) => [name, values[name] ?? ""]));
}
