import type { CommandState } from "@roost/contract/commands";

/** A command's state in a word for people, with what is meant by it. */
export const commandStateWords: Readonly<Record<CommandState, { readonly word: string; readonly means: string }>> = {
  queued: { word: "Waiting", means: "The device has not confirmed that it got it." },
  delivered: { word: "Delivered", means: "The device has it; it has not said anything yet." },
  accepted: { word: "Accepted", means: "The device says that it will do it." },
  running: { word: "Running", means: "The device is at it." },
  done: { word: "Done", means: "The device says that it is done." },
  failed: { word: "Failed", means: "The device says that it did not succeed." },
  expired: { word: "Expired", means: "Its time was up before the device could begin. It did not run." },
  cancelled: { word: "Called back", means: "It was called back." },
  unanswered: { word: "No answer", means: "It was sent, and the device never said what became of it. It may have run." },
};

/** A field of a command's form, read from the JSON Schema of its parameters. */
export interface ParamField {
  readonly name: string;
  readonly kind: "text" | "number" | "switch" | "choice" | "json";
  readonly about: string | undefined;
  readonly required: boolean;
  readonly choices: readonly string[];
  readonly initial: string;
}

interface Property {
  readonly type?: unknown;
  readonly enum?: unknown;
  readonly default?: unknown;
  readonly description?: unknown;
  readonly minimum?: unknown;
  readonly maximum?: unknown;
}

function kindOf({ type, enum: among }: Property): ParamField["kind"] {
  if (Array.isArray(among)) return "choice";
  if (type === "string") return "text";
  if (type === "number" || type === "integer") return "number";
  return type === "boolean" ? "switch" : "json";
}

/** Bounds as people read them. Whole numbers come with those of the number format, which say nothing. */
function boundsOf({ minimum, maximum }: Property): string | undefined {
  const isBound = (value: unknown): value is number => typeof value === "number" && Math.abs(value) < Number.MAX_SAFE_INTEGER;
  const parts = [isBound(minimum) ? `from ${minimum}` : "", isBound(maximum) ? `to ${maximum}` : ""].filter((part) => part !== "");
  return parts.length === 0 ? undefined : `${parts.join(" ")}.`;
}

/** The fields of a command's form. What a field cannot show is typed as JSON. */
export function fieldsOf(schema: Readonly<Record<string, unknown>>): ParamField[] {
  const properties = (schema["properties"] ?? {}) as Readonly<Record<string, Property>>;
  const required = Array.isArray(schema["required"]) ? (schema["required"] as unknown[]) : [];
  return Object.entries(properties).map(([name, property]) => {
    const words = [property.description, boundsOf(property)].filter((part) => typeof part === "string" && part !== "");
    const initial = property.default;
    return {
      name,
      kind: kindOf(property),
      about: words.length === 0 ? undefined : words.join(" "),
      required: required.includes(name) && initial === undefined,
      choices: Array.isArray(property.enum) ? property.enum.map(String) : [],
      initial: initial === undefined ? "" : typeof initial === "string" ? initial : JSON.stringify(initial),
    };
  });
}

/** What was typed, as parameters; faults by field. An empty field that is not required is left out. */
export function readFields(
  fields: readonly ParamField[],
  texts: Readonly<Record<string, string>>,
): { params: Record<string, unknown>; faults: Record<string, string> } {
  const params: Record<string, unknown> = {};
  const faults: Record<string, string> = {};
  for (const { name, kind, required, initial } of fields) {
    const text = texts[name] ?? initial;
    if (kind === "switch") params[name] = text === "true";
    else if (text.trim() === "") {
      if (required) faults[name] = "This is needed.";
    } else if (kind === "number") {
      const figure = Number(text.trim().replace(",", ".").replace("−", "-"));
      if (Number.isFinite(figure)) params[name] = figure;
      else faults[name] = "Write a number.";
    } else if (kind === "json") {
      const read = readJson(text);
      if (read === undefined) faults[name] = "Write it as JSON.";
      else params[name] = read;
    } else params[name] = text;
  }
  return { params, faults };
}

/** JSON, or `undefined` for what is none. */
export function readJson(text: string): unknown {
  try {
    return JSON.parse(text) as unknown;
  } catch {
    return undefined;
  }
}

/** A JSON object, or `undefined`; nothing typed is an empty one. */
export function readJsonObject(text: string): Record<string, unknown> | undefined {
  const read = text.trim() === "" ? {} : readJson(text);
  return typeof read === "object" && read !== null && !Array.isArray(read) ? { ...read } : undefined;
}
