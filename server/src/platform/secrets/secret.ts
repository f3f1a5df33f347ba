import { readFileSync } from "node:fs";

/** Where a secret of the configuration came from. */
export type SecretPlace = { readonly kind: "environment"; readonly variable: string } | { readonly kind: "file"; readonly path: string };

/** A secret that prints as `***`; `reveal` gives it to the one place that needs it. */
export class Secret {
  readonly #value: string;
  readonly place: SecretPlace | undefined;
  constructor(value: string, place?: SecretPlace) {
    this.#value = value;
    this.place = place;
  }
  reveal(): string {
    return this.#value;
  }
  /** As its file has it now, where it came from one: whoever rotates it writes there. The value of the start while the file cannot be read. */
  revealLatest(): string {
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
