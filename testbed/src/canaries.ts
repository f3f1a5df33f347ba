import { readdirSync, readFileSync } from "node:fs";
import { basename, join } from "node:path";

/** A secret that was used somewhere, and may be found in its own store alone. */
export interface Canary {
  readonly name: string;
  readonly value: string;
  /** Places that keep it by design, by the names of places: a password's hash is none of these. */
  readonly keptIn: readonly string[];
}

/** A secret that turned up where it must not be. */
export interface Sighting {
  readonly canary: string;
  readonly place: string;
  /** How it was written there. */
  readonly form: string;
}

/** Secrets, and a search for them in whatever was written: as they are, and in the forms in which programs write bytes. */
export function createCanaries() {
  const canaries = new Map<string, Canary>();
  return {
    /** Takes a secret down and answers it. */
    plant(name: string, value: string | undefined, ...keptIn: readonly string[]): string {
      if (value === undefined || value.length < 8) throw new Error(`The secret ${name} is too short to be looked for.`);
      canaries.set(name, { name, value, keptIn });
      return value;
    },
    count: () => canaries.size,
    /** Where which of them stands. */
    search(place: string, text: string | Buffer): Sighting[] {
      const found: Sighting[] = [];
      const bytes = typeof text === "string" ? Buffer.from(text) : text;
      for (const { name, value, keptIn } of canaries.values()) {
        if (keptIn.includes(place)) continue;
        for (const [form, written] of Object.entries(formsOf(value))) {
          if (bytes.includes(written)) found.push({ canary: name, place, form });
        }
      }
      return found;
    },
  };
}

function formsOf(value: string): Record<string, string> {
  const bytes = Buffer.from(value);
  const forms: Record<string, string> = {
    "as it is": value,
    hex: bytes.toString("hex"),
    base64url: bytes.toString("base64url"),
    base64: bytes.toString("base64").replace(/=+$/, ""),
    "percent-encoded": encodeURIComponent(value),
    JSON: JSON.stringify(value).slice(1, -1),
  };
  // A key in hexadecimal is bytes as well.
  if (/^(?:[0-9a-f]{2}){16,}$/i.test(value)) forms["base64 of its bytes"] = Buffer.from(value, "hex").toString("base64").replace(/=+$/, "");
  return forms;
}

/** Every file below a folder with its bytes; what is gone or closed meanwhile is passed over. */
export function* filesBelow(folder: string): Generator<{ readonly path: string; readonly bytes: Buffer }> {
  for (const entry of readdirSync(folder, { withFileTypes: true, recursive: true })) {
    if (!entry.isFile()) continue;
    const path = join(entry.parentPath, entry.name);
    try {
      yield { path, bytes: readFileSync(path) };
    } catch {
      // A segment that the database dropped.
    }
  }
}

/** The beginning of each private key in PEM below a folder. */
export function* privateKeysBelow(folder: string): Generator<{ readonly name: string; readonly key: string }> {
  for (const { path, bytes } of filesBelow(folder)) {
    const key = /-----BEGIN [A-Z ]*PRIVATE KEY-----\n(\S{32,})/.exec(bytes.toString("latin1"))?.[1];
    if (key !== undefined) yield { name: basename(path), key };
  }
}
