import { alarmKind, alarmState, severity } from "@roost/contract/alarms";
import { delivery } from "@roost/contract/notifications";
import { z } from "zod";

const what = delivery.shape.what;

/** What is told, in the shape that webhooks get; made once, so that every try says the same. */
export const notice = z.object({
  version: z.literal(1),
  type: what,
  /** When it became true, ISO 8601. */
  at: z.string(),
  /** One sentence for people. */
  text: z.string(),
  device: z.object({ id: z.string(), name: z.string() }).optional(),
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
  link: z.string().optional(),
});
export type Notice = z.infer<typeof notice>;

// What alarms put into their facts; read again here because a fact may be older than this program.
const alarmFact = z.object({
  id: z.string(),
  deviceId: z.string(),
  deviceName: z.string(),
  kind: alarmKind,
  severity,
  state: alarmState,
  metric: z.string().optional(),
  unit: z.string().optional(),
  threshold: z.number().optional(),
  value: z.number().optional(),
  raisedAt: z.string(),
  clearedAt: z.string().optional(),
  /** The value that turned it; absent where no value did. */
  currentValue: z.number().optional(),
  detail: z.string().optional(),
});
type AlarmFact = z.infer<typeof alarmFact>;

/**
 * The notice of a raised or cleared alarm.
 *
 * @returns `undefined` for a fact that is none of these.
 */
export function noticeOf(fact: { readonly type: string; readonly data: unknown }, publicUrl: string | undefined): Notice | undefined {
  const read = alarmFact.safeParse(fact.data);
  if (!read.success || (fact.type !== "alarm.raised" && fact.type !== "alarm.cleared")) return undefined;
  const { data } = read;
  const raised = fact.type === "alarm.raised";
  const value = data.currentValue ?? (raised ? data.value : undefined);
  const { id, kind, severity, state, metric, unit, threshold, raisedAt, clearedAt } = data;
  return {
    version: 1,
    type: kind === "offline" ? (raised ? "device.offline" : "device.online") : fact.type,
    at: raised ? raisedAt : (clearedAt ?? raisedAt),
    text: sentence(data, raised, value),
    device: { id: data.deviceId, name: data.deviceName },
    alarm: { id, kind, severity, state, metric, unit, threshold, value, raisedAt, clearedAt },
    ...(publicUrl === undefined ? {} : { link: `${publicUrl.replace(/\/$/, "")}/alarms/${encodeURIComponent(id)}` }),
  };
}

/** The notice of the test button. */
export function testNotice(at: Date): Notice {
  return { version: 1, type: "test", at: at.toISOString(), text: "This is a test from Roost. If you read it, notices arrive here." };
}

function sentence(fact: AlarmFact, raised: boolean, value: number | undefined): string {
  const { deviceName, kind, metric = "", unit, threshold, detail } = fact;
  if (kind === "offline") return raised ? `${deviceName} is offline.` : `${deviceName} is back online.`;
  const now = value === undefined ? "" : ` is ${quantity(value, unit)}`;
  if (!raised)
    return detail === undefined ? `${deviceName}: ${metric}${now}, back to normal.` : `${deviceName}: ${metric} alarm cleared (${detail}).`;
  const limit = threshold === undefined ? "" : ` the limit of ${quantity(threshold, unit)}`;
  return `${deviceName}: ${metric}${now}, ${kind}${limit}.`;
}

/** A value with its unit, for people. */
export function quantity(value: number, unit: string | undefined): string {
  const number = String(Number(value.toPrecision(6)));
  if (unit === undefined || unit === "1") return number;
  return unit === "%" ? `${number} %` : `${number} ${unit}`;
}
