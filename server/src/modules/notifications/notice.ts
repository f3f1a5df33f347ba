import { alarmKind, alarmState, severity } from "@roost/contract/alarms";
import { noticeKind } from "@roost/contract/notifications";
import { ticketKind, ticketPriority, ticketStatus } from "@roost/contract/tickets";
import { z } from "zod";

/** What is told of a ticket. */
export const toldTicket = z.object({
  id: z.string(),
  title: z.string(),
  kind: ticketKind,
  priority: ticketPriority,
  status: ticketStatus,
  assignedTo: z.string().optional(),
  externalReference: z.string().optional(),
  createdBy: z.string(),
  createdAt: z.string(),
  respondBy: z.string(),
  resolveBy: z.string(),
  responseLate: z.boolean(),
  resolutionLate: z.boolean(),
  /** Who took this step, and what they said. */
  by: z.string().optional(),
  said: z.string().optional(),
});

/** What is told, in the shape that webhooks get; made once, so that every try says the same. */
export const notice = z.object({
  version: z.literal(1),
  type: noticeKind,
  /** When it became true, ISO 8601. */
  at: z.string(),
  /** Of the target's own words; absent: Roost's heading. */
  title: z.string().optional(),
  /** One sentence for people, or what the target's own words make of it. */
  text: z.string(),
  /** The text is the target's own words, with line breaks that mean it. */
  hasOwnWords: z.literal(true).optional(),
  site: z.string().optional(),
  device: z.object({ id: z.string(), name: z.string(), purpose: z.string().optional(), lastSeenAt: z.string().optional() }).optional(),
  alarm: z
    .object({
      id: z.string(),
      kind: alarmKind,
      severity,
      state: alarmState,
      metric: z.string().optional(),
      unit: z.string().optional(),
      threshold: z.number().optional(),
      value: z.number().optional(),
      raisedAt: z.string(),
      clearedAt: z.string().optional(),
    })
    .optional(),
  ticket: toldTicket.optional(),
  /** Of a notice about several alarms: the worst of what is not over, how many there are, and the first of them. */
  severity: severity.optional(),
  count: z.number().optional(),
  items: z
    .array(z.object({ alarmId: z.string(), part: z.enum(["raised", "passed", "ended", "reminder"]), severity, text: z.string() }))
    .optional(),
  link: z.string().optional(),
});
export type Notice = z.infer<typeof notice>;

// What alarms put into their facts; read again here because a fact may be older than this program.
const alarmFact = z.object({
  id: z.string(),
  deviceId: z.string().optional(),
  deviceName: z.string().optional(),
  devicePurpose: z.string().optional(),
  deviceLastSeenAt: z.string().optional(),
  siteName: z.string().optional(),
  kind: alarmKind,
  severity,
  state: alarmState,
  title: z.string().optional(),
  text: z.string().optional(),
  metric: z.string().optional(),
  unit: z.string().optional(),
  threshold: z.number().optional(),
  value: z.number().optional(),
  raisedAt: z.string(),
  clearedAt: z.string().optional(),
  occurrences: z.number().optional(),
  acknowledgedBy: z.string().optional(),
  assignedTo: z.string().optional(),
  /** The value that turned it; absent where no value did. */
  currentValue: z.number().optional(),
  detail: z.string().optional(),
});
type AlarmFact = z.infer<typeof alarmFact>;

const kindOfFact: Readonly<Record<string, Notice["type"]>> = {
  "alarm.raised": "alarm.raised",
  "alarm.unmuted": "alarm.raised",
  "alarm.cleared": "alarm.cleared",
  "alarm.acknowledged": "alarm.acknowledged",
  "alarm.unacknowledged": "alarm.unacknowledged",
  "alarm.flapping": "alarm.flapping",
  "alarm.escalated_severity": "alarm.worse",
  "alarm.assigned": "alarm.assigned",
};

/**
 * The notice of what befell an alarm.
 *
 * @param as - What it is told as, where the fact does not say it: a reminder, an escalation.
 * @returns `undefined` for a fact that is none of an alarm's.
 */
export function noticeOf(
  fact: { readonly type: string; readonly data: unknown },
  publicUrl: string | undefined,
  as: Notice["type"] | undefined = kindOfFact[fact.type],
): Notice | undefined {
  const read = alarmFact.safeParse(fact.data);
  if (!read.success || as === undefined) return undefined;
  const { data } = read;
  const type =
    data.kind === "offline" && as === "alarm.raised"
      ? "device.offline"
      : data.kind === "offline" && as === "alarm.cleared"
        ? "device.online"
        : as;
  const value = data.currentValue ?? (as === "alarm.cleared" ? undefined : data.value);
  const { id, kind, severity, state, metric, unit, threshold, raisedAt, clearedAt, deviceId, deviceName, siteName } = data;
  return {
    version: 1,
    type,
    at: as === "alarm.cleared" ? (clearedAt ?? raisedAt) : raisedAt,
    text: sentence(data, as, value),
    ...(siteName === undefined ? {} : { site: siteName }),
    ...(deviceId === undefined
      ? {}
      : {
          device: {
            id: deviceId,
            name: deviceName ?? deviceId,
            ...(data.devicePurpose === undefined ? {} : { purpose: data.devicePurpose }),
            ...(data.deviceLastSeenAt === undefined ? {} : { lastSeenAt: data.deviceLastSeenAt }),
          },
        }),
    alarm: { id, kind, severity, state, metric, unit, threshold, value, raisedAt, clearedAt },
    ...(publicUrl === undefined ? {} : { link: `${publicUrl.replace(/\/$/, "")}/alarms/${encodeURIComponent(id)}` }),
  };
}

/** The notice of the test button. */
export function testNotice(at: Date): Notice {
  return { version: 1, type: "test", at: at.toISOString(), text: "This is a test from Roost. If you read it, notices arrive here." };
}

function sentence(fact: AlarmFact, as: Notice["type"], value: number | undefined): string {
  const { deviceName, kind, metric, detail } = fact;
  if (as === "alarm.cleared") {
    if (kind === "offline") return `${withPurpose(fact)} is back online${absence(fact)}.`;
    if (metric === undefined) return ended(`${subjectOf(fact)}: over`, detail);
    const now = value === undefined ? "" : ` is ${quantity(value, fact.unit)}`;
    return detail === undefined
      ? `${deviceName ?? ""}: ${metric}${now}, back to normal.`
      : ended(`${deviceName ?? ""}: ${metric} alarm cleared`, detail);
  }
  const wrong = whatIsWrong(fact, value);
  switch (as) {
    case "alarm.acknowledged":
      return `${fact.acknowledgedBy ?? "Somebody"} looks after it: ${wrong}`;
    case "alarm.unacknowledged":
      return `Nobody looks after it any more: ${wrong}`;
    case "alarm.assigned":
      return fact.assignedTo === undefined ? `Assigned to nobody: ${wrong}` : `Assigned to ${fact.assignedTo}: ${wrong}`;
    case "alarm.flapping":
      return `It comes and goes (${fact.occurrences ?? 1} times): ${wrong}`;
    case "alarm.worse":
      return `Now ${fact.severity}: ${wrong}`;
    case "alarm.reminder":
      return `Still unattended: ${wrong}`;
    case "alarm.escalated":
      return `Nobody has acknowledged it yet: ${wrong}`;
    default:
      return wrong;
  }
}

function ended(words: string, detail: string | undefined): string {
  return detail === undefined ? `${words}.` : `${words} (${detail}).`;
}

/** A device by its name and what it is there for: whoever is woken knows the plant rather than the node. */
function withPurpose({ deviceName = "The device", devicePurpose }: AlarmFact): string {
  return devicePurpose === undefined ? deviceName : `${deviceName} (${devicePurpose})`;
}

function subjectOf({ deviceName, title, kind }: AlarmFact): string {
  const words = title ?? kind.replaceAll("_", " ");
  return deviceName === undefined ? words : `${deviceName}: ${words}`;
}

function whatIsWrong(fact: AlarmFact, value: number | undefined): string {
  const { deviceName, kind, metric, unit, threshold, title, text } = fact;
  if (kind === "offline") return `${withPurpose(fact)} is offline.`;
  if (title !== undefined) return text === undefined ? `${subjectOf(fact)}.` : `${subjectOf(fact)}. ${text}`;
  if (metric === undefined) return `${subjectOf(fact)}.`;
  if (kind === "no_data") return `${deviceName ?? ""}: no data for ${metric}.`;
  const now = value === undefined ? "" : ` is ${quantity(value, unit)}`;
  const limit = threshold === undefined ? "" : ` the limit of ${quantity(threshold, unit)}`;
  const how =
    kind === "above" || kind === "below"
      ? `, ${kind}${limit}`
      : `, ${kind}${threshold === undefined ? "" : ` (limit ${quantity(threshold, unit)})`}`;
  return `${deviceName ?? ""}: ${metric}${now}${how}.`;
}

/** A value with its unit, for people. */
export function quantity(value: number, unit: string | undefined): string {
  const number = String(Number(value.toPrecision(6)));
  if (unit === undefined || unit === "1") return number;
  return unit === "%" ? `${number} %` : `${number} ${unit}`;
}

/** How long it was away, for people: ` after 12 min`; nothing for less than a second. */
function absence({ raisedAt, clearedAt }: AlarmFact): string {
  const seconds = clearedAt === undefined ? 0 : Math.round((Date.parse(clearedAt) - Date.parse(raisedAt)) / 1_000);
  if (!(seconds >= 1)) return "";
  const minutes = Math.round(seconds / 60);
  const hours = Math.floor(minutes / 60);
  if (seconds < 60) return ` after ${seconds} s`;
  if (minutes < 60) return ` after ${minutes} min`;
  if (hours < 48) return ` after ${hours} h ${minutes % 60} min`;
  return ` after ${Math.round(hours / 24)} days`;
}
