import { InvalidArgumentError } from "commander";

const unitsMs = { ms: 1, s: 1_000, m: 60_000, min: 60_000, h: 3_600_000, d: 86_400_000 } as const;

/** A span such as `500ms`, `5s`, `2m`, `1h`, `30d`, in milliseconds. */
export function readDurationMs(text: string): number {
  const [, number = "", unit = ""] = /^(\d+(?:\.\d+)?)(ms|s|m|min|h|d)$/.exec(text.trim()) ?? [];
  if (number === "") throw new InvalidArgumentError("Write a number and a unit: 500ms, 5s, 2m, 1h, 30d.");
  return Number(number) * unitsMs[unit as keyof typeof unitsMs];
}

/** An instant: ISO 8601 with zone or as UTC, `now`, or a span back from now such as `-24h` or ahead such as `+2h`. */
export function readInstant(text: string, nowMs: number): Date {
  if (text === "now") return new Date(nowMs);
  if (/^-\d/.test(text)) return new Date(nowMs - readDurationMs(text.slice(1)));
  if (/^\+\d/.test(text)) return new Date(nowMs + readDurationMs(text.slice(1)));
  // Without a zone Date.parse would take local time; what is stored is UTC, so is what is asked for.
  const at = new Date(/T\d\d:\d\d(?::\d\d(?:\.\d+)?)?$/.test(text) ? `${text}Z` : text);
  if (!/^\d{4}-\d\d-\d\d/.test(text) || Number.isNaN(at.getTime())) {
    throw new InvalidArgumentError("Write an instant as 2025-06-01T12:00:00Z, `now`, back from now as -24h, or ahead as +2h.");
  }
  return at;
}

/** A whole number within bounds, both inclusive. */
export function readWhole(least: number, most: number): (text: string) => number {
  return (text) => {
    const number = Number(text);
    if (!/^\d+$/.test(text) || number < least || number > most)
      throw new InvalidArgumentError(`Write a whole number from ${least} to ${most}.`);
    return number;
  };
}
