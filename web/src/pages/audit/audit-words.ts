import type { AuditFault, AuditRecord } from "@roost/contract/audit";

import { formatCount } from "../../parts/format.ts";

/** `alarm_rule.changed` reads `Alarm rule changed`. The code itself stays findable in titles and filters. */
export function actionWords(action: string): string {
  const words = action.replaceAll(/[._]/g, " ");
  return words.charAt(0).toUpperCase() + words.slice(1);
}

/** The name of a thing; without one its kind and id, of a long id both ends. */
export function objectWords({ kind, id, name }: AuditRecord["object"]): string {
  if (name !== undefined) return name;
  const short = /^[0-9a-f]{8}-[0-9a-f-]{27}$/.test(id) ? `${id.slice(0, 4)}…${id.slice(-4)}` : id;
  return `${kind.replaceAll("_", " ")} ${short}`;
}

/** One field that changed. A side that is absent was not there. */
export interface Change {
  readonly field: string;
  readonly before?: string;
  readonly after?: string;
}

/** The fields of an entry, one by one, in the order of the record; lists and objects as text. */
export function changesOf({ before = {}, after = {} }: Pick<AuditRecord, "before" | "after">): Change[] {
  const fields = [...new Set([...Object.keys(before), ...Object.keys(after)])];
  return fields.map((field) => ({
    field: fieldWords(field),
    ...(field in before ? { before: valueText(before[field]) } : {}),
    ...(field in after ? { after: valueText(after[field]) } : {}),
  }));
}

/** `maxDevices` and `max_devices` read `max devices`. */
function fieldWords(field: string): string {
  return field.replaceAll("_", " ").replaceAll(/([a-z\d])([A-Z])/g, (_, left: string, right: string) => `${left} ${right.toLowerCase()}`);
}

function valueText(value: unknown): string {
  if (value === null) return "nothing";
  if (value === "") return "empty";
  if (typeof value === "string") return value;
  if (typeof value === "boolean") return value ? "yes" : "no";
  if (Array.isArray(value) && value.every((item) => typeof item === "string")) return value.length === 0 ? "none" : value.join(", ");
  return JSON.stringify(value);
}

/** What is wrong, for a person. */
export function faultSentence({ kind, position, toPosition, belongsAt }: AuditFault): string {
  const place = position === undefined ? "" : ` at position ${formatCount(position)}`;
  const stretch = toPosition === undefined ? place : ` at positions ${formatCount(position ?? 0)} to ${formatCount(toPosition)}`;
  switch (kind) {
    case "edited":
      return `The entry${place} is not what was written.`;
    case "removed":
      return toPosition === undefined ? `The entry${place} was removed.` : `The entries${stretch} were removed.`;
    case "inserted":
      return "This entry was not written by this installation, or was altered before it was taken up.";
    case "moved":
      return `The entry${place} belongs at position ${belongsAt === undefined ? "unknown" : formatCount(belongsAt)}.`;
    case "unlinked":
      return `This entry is real, but its link${place} was removed.`;
    case "relinked":
      return `The link${place} was altered.`;
    case "truncated":
      return `The end of the trail was cut off${stretch}.`;
    case "forked":
      return `The chain once went another way${place}. Was a backup restored?`;
    case "checkpoint":
      return `The signed checkpoint${place} was altered.`;
    case "archive":
      return "An archive was altered.";
  }
}
