import { Ajv2020 } from "ajv/dist/2020.js";
import type { ValidateFunction } from "ajv/dist/2020.js";
import { z } from "zod";

import type { Wire, WireAnswer } from "./wire.ts";

export type JsonSchema = Readonly<Record<string, unknown>>;

export interface Parameter {
  readonly name: string;
  readonly in: "path" | "query" | "header";
  readonly required: boolean;
  readonly schema: JsonSchema;
}

/** One operation as the reference of the running server tells it. */
export interface Operation {
  readonly id: string;
  readonly method: string;
  /** With `{name}` places. */
  readonly path: string;
  readonly access: string;
  readonly parameters: readonly Parameter[];
  readonly body: JsonSchema | undefined;
  readonly success: number;
  /** Media type of a success; absent without a body. */
  readonly media: string | undefined;
  /** Faults of an answer against what is documented for its status; none means it is as told. */
  faultsOf(answer: WireAnswer): string[];
  /** Says whether a body is one the reference allows. */
  allowsBody(body: unknown): boolean;
  /** Every name a body may have, at any depth. */
  readonly namesInBody: ReadonlySet<string>;
  /** Says whether a parameter may be this text; a number is one however it is spelt. */
  allowsPart(name: string, text: string): boolean;
}

interface Told {
  readonly operationId: string;
  readonly "x-access": string;
  readonly parameters?: readonly Parameter[];
  readonly requestBody?: { readonly content: Readonly<Record<string, { readonly schema: JsonSchema }>> };
  readonly responses: Readonly<
    Record<string, { readonly content?: Readonly<Record<string, { readonly schema: JsonSchema }>>; readonly "x-codes"?: readonly string[] }>
  >;
}

/** Reads what the running server says of itself: every operation there is. */
export async function readReference(wire: Wire): Promise<Operation[]> {
  const { status, body } = await wire.send({ method: "GET", path: "/api/openapi.json" });
  if (status !== 200) throw new Error(`The reference was answered ${status}.`);
  const document = JSON.parse(body) as {
    paths: Record<string, Record<string, Told>>;
    components: { schemas: { Error: JsonSchema } };
  };
  const compile = createCompiler(document.components.schemas.Error);
  return Object.entries(document.paths).flatMap(([path, methods]) =>
    Object.entries(methods).map(([method, told]) => operationOf(method.toUpperCase(), path, told, compile)),
  );
}

type Compile = (schema: JsonSchema) => ValidateFunction;

function createCompiler(error: JsonSchema): Compile {
  const ajv = new Ajv2020({ strict: false, allErrors: false, unicodeRegExp: true });
  ajv.addSchema(error, "#/components/schemas/Error");
  // The same notion of a format as the contract has: what it calls an address is one.
  const formats: Readonly<Record<string, z.ZodType>> = {
    uuid: z.uuid(),
    email: z.email(),
    "date-time": z.iso.datetime({ offset: true }),
    uri: z.url(),
    date: z.iso.date(),
  };
  for (const [name, shape] of Object.entries(formats)) ajv.addFormat(name, (text: string) => shape.safeParse(text).success);
  return (schema) => ajv.compile(schema);
}

function operationOf(method: string, path: string, told: Told, compile: Compile): Operation {
  const success = Object.keys(told.responses).find((status) => /^[23]/.test(status));
  if (success === undefined) throw new Error(`${told.operationId} documents no success.`);
  const media = Object.keys(told.responses[success]?.content ?? {})[0];
  const body = told.requestBody?.content["application/json"]?.schema;
  const checks = new Map<string, ValidateFunction>();
  const checkOf = (name: string, schema: JsonSchema) => {
    const known = checks.get(name) ?? compile(schema);
    checks.set(name, known);
    return known;
  };
  return {
    id: told.operationId,
    method,
    path,
    access: told["x-access"],
    parameters: told.parameters ?? [],
    body,
    success: Number(success),
    media,
    allowsBody: (value) => body !== undefined && checkOf("body", body)(value),
    namesInBody: new Set(namesIn(body)),
    allowsPart(name, text) {
      const schema = told.parameters?.find((parameter) => parameter.name === name)?.schema;
      if (schema === undefined) return true;
      const isNumber = schema["type"] === "integer" || schema["type"] === "number";
      if (isNumber && text.trim() === "") return false;
      return checkOf(`part ${name}`, schema)(isNumber ? Number(text) : text);
    },
    faultsOf({ status, headers, body: text }) {
      const response = told.responses[String(status)];
      if (response === undefined) return [`status ${status} is not documented: ${text.slice(0, 200)}`];
      const [type, content] = Object.entries(response.content ?? {})[0] ?? [];
      if (type === undefined || content === undefined) return text === "" ? [] : [`status ${status} documents no body, but there is one`];
      const given = headers["content-type"]?.split(";", 1)[0];
      const isTold = type.endsWith("/*") ? given?.startsWith(type.slice(0, -1)) === true : given === type;
      if (!isTold) return [`status ${status} is documented as ${type} and came as ${given}`];
      if (type !== "application/json" || content.schema["type"] === "string") return [];
      const value = parse(text);
      if (value === undefined) return [`status ${status} is no JSON: ${text.slice(0, 200)}`];
      const check = checkOf(String(status), content.schema);
      if (!check(value)) return [`status ${status}: ${JSON.stringify(check.errors?.[0])} in ${text.slice(0, 300)}`];
      const code = codeOf(text);
      const codes = response["x-codes"];
      return codes === undefined || (code !== undefined && codes.includes(code)) ? [] : [`code ${code} is not documented for ${status}`];
    },
  };
}

function namesIn(schema: unknown): string[] {
  if (typeof schema !== "object" || schema === null) return [];
  const { properties } = schema as { properties?: object };
  return [...Object.keys(properties ?? {}), ...Object.values(schema).flatMap(namesIn)];
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

/** The code of an error's body; `undefined` where it is none. */
export function codeOf(text: string): string | undefined {
  const value = parse(text) as { error?: { code?: string } } | null | undefined;
  return value?.error?.code;
}
