import { readFileSync } from "node:fs";

/** Where a secret of the configuration came from. */
export type SecretPlace =
  | { readonly kind: "environment"; readonly variable: string }
  /** A file's path, or the path and field in the secret store. */
  | { readonly kind: "file" | "vault"; readonly path: string };

/** A secret that prints as `***`; `reveal` gives it to the one place that needs it. */
export class Secret {
  readonly #value: string;
  readonly place: SecretPlace | undefined;
  readonly #latest: (() => string | undefined) | undefined;
  /** @param latest - The value as its place has it now, where that is no file. */
  constructor(value: string, place?: SecretPlace, latest?: () => string | undefined) {
    this.#value = value;
    this.#latest = latest;
    this.place = place;
  }
  reveal(): string {
    return this.#value;
  }
  /** As its file or store has it now: whoever rotates it writes there. The value of the start while that cannot be read. */
  revealLatest(): string {
    if (this.#latest !== undefined) return this.#latest() ?? this.#value;
    if (this.place?.kind !== "file") return this.#value;
    try {
      const text = readFileSync(this.place.path, "utf8").trim();
      return text === "" ? this.#value : text;
    } catch {
      return this.#value;
    }
  }
  toString(): string {
    return "***";
  }
  toJSON(): string {
    return "***";
  }
}
