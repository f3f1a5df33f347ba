import type { CareDifference, CarePlanBody } from "../contract/care.ts";

/** Fields of a plan with their names for people, in the order a page shows them. */
const fields: readonly (readonly [field: string, title: string, of: (plan: CarePlanBody) => string | undefined])[] = [
  ["summary", "Summary", ({ summary }) => summary.text],
  ["watering.frequency", "Watering: how often", ({ watering }) => watering.frequency],
  ["watering.amount", "Watering: how much", ({ watering }) => watering.amount],
  ["watering.nextDate", "Watering: next on", ({ watering }) => watering.nextDate],
  ...(["light", "humidity", "temperature"] as const).flatMap((name) => {
    const title = `${name.charAt(0).toUpperCase()}${name.slice(1)}`;
    return [
      [`${name}.current`, `${title}: as it was`, (plan: CarePlanBody) => measured(plan[name].current)],
      [`${name}.ideal`, `${title}: ideal`, (plan: CarePlanBody) => plan[name].ideal],
      [`${name}.recommendation`, `${title}: advice`, (plan: CarePlanBody) => plan[name].recommendation],
    ] as const;
  }),
];

/** Says field by field, in words, what the later plan says otherwise than the earlier; alerts and tips are told apart by their words. */
export function differencesBetween(before: CarePlanBody, after: CarePlanBody): CareDifference[] {
  const found: CareDifference[] = [];
  for (const [field, title, of] of fields) {
    const difference = differenceOf(field, title, of(before), of(after));
    if (difference !== undefined) found.push(difference);
  }
  for (const [field, title] of [
    ["alerts", "Alert"],
    ["tips", "Tip"],
  ] as const) {
    const was = before[field].map(({ text }) => text);
    const is = after[field].map(({ text }) => text);
    for (const text of was.filter((text) => !is.some((other) => isSame(text, other)))) {
      found.push({ field, title, kind: "removed", before: text, text: `${title} gone: ${text}` });
    }
    for (const text of is.filter((text) => !was.some((other) => isSame(text, other)))) {
      found.push({ field, title, kind: "added", after: text, text: `New ${title.toLowerCase()}: ${text}` });
    }
  }
  return found;
}

function differenceOf(field: string, title: string, before: string | undefined, after: string | undefined): CareDifference | undefined {
  if (before === undefined) {
    return after === undefined ? undefined : { field, title, kind: "added", after, text: `${title} is now known: ${after}` };
  }
  if (after === undefined) return { field, title, kind: "removed", before, text: `${title} is no longer known; it was ${before}` };
  if (isSame(before, after)) return undefined;
  return { field, title, kind: "changed", before, after, text: `${title} was "${before}" and is now "${after}"` };
}

/** Spaces, capitals and a full stop at the end say nothing new. */
function isSame(a: string, b: string): boolean {
  const plain = (text: string) =>
    text
      .replaceAll(/\s+/gu, " ")
      .replace(/[.\s]+$/u, "")
      .trim()
      .toLowerCase();
  return plain(a) === plain(b);
}

function measured(current: { value: number; unit: string } | undefined): string | undefined {
  return current === undefined ? undefined : `${current.value} ${current.unit}`;
}
