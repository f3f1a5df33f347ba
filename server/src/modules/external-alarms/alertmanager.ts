import type { Alarm } from "@roost/contract/alarms";
import type { PostedAlert, ShownAlert } from "@roost/contract/external-alarms";

import { line, lines, severityOf } from "./external-alarm.ts";
import type { Known, Told } from "./external-alarm.ts";

/** What is not sent again for so long, and names no end, is over; the default of Alertmanager. */
export const resolveTimeoutMs = 5 * 60_000;
/** Alertmanager forgets after this what it told: by then it told it again, or it is over and the word of it was lost. */
export const webhookForgetsMs = 120 * 3_600_000;
/** Clocks that say something earlier were never set. */
export const oldest = Date.parse("2020-01-01T00:00:00Z");

type Labels = Readonly<Record<string, string>>;

/**
 * The fingerprint by which Prometheus and Alertmanager know a set of labels, as 16 hexadecimal digits: FNV-1a over names and values in the
 * order of their bytes.
 *
 * @see github.com/prometheus/common, model/signature.go
 */
export function fingerprintOf(labels: Labels): string {
  const names = Object.keys(labels).sort((one, other) => Buffer.compare(Buffer.from(one), Buffer.from(other)));
  let hash = 0xcbf29ce484222325n;
  const add = (byte: number) => {
    hash = BigInt.asUintN(64, (hash ^ BigInt(byte)) * 0x100000001b3n);
  };
  for (const name of names) {
    for (const byte of Buffer.from(name)) add(byte);
    add(0xff);
    for (const byte of Buffer.from(labels[name] ?? "")) add(byte);
    add(0xff);
  }
  return hash.toString(16).padStart(16, "0");
}

/** How long an alert holds that is not said again: of a post its own end, else the timeout; of a webhook long. */
export type AlertForm = "post" | "webhook";

/**
 * An alert in our words.
 *
 * @param findDevice - A device of the organisation by its id.
 */
export function toldOf(
  alert: PostedAlert & { readonly isResolved?: boolean },
  { form, now, findDevice }: { form: AlertForm; now: Date; findDevice: (id: string) => string | undefined },
): Told {
  const labels = Object.fromEntries(Object.entries(alert.labels).filter(([, value]) => value !== ""));
  const annotations = alert.annotations ?? {};
  const name = line(labels["alertname"] ?? "", 120) || "unnamed";
  const key = fingerprintOf(labels);
  const deviceId = [labels["roost_device"], labels["device"]].map((id) => (id === undefined ? undefined : findDevice(id))).find(Boolean);
  const speaker = line(labels["instance"] ?? labels["job"] ?? labels["service"] ?? name, 180);
  const { startsAt, endsAt } = timesOf(alert, form, now);
  const isOver = alert.isResolved ?? (endsAt !== undefined && endsAt <= now);
  const given = endsAt !== undefined && endsAt > now ? endsAt : new Date(now.getTime() + resolveTimeoutMs);
  return {
    channel: "alertmanager",
    key,
    source: deviceId ?? `alertmanager:${speaker}`,
    type: `external:${name}:${key}`,
    deviceId,
    severity: severityOf(labels["severity"] ?? labels["priority"]),
    title: line(annotations["summary"] ?? annotations["title"] ?? annotations["message"] ?? "", 200) || name,
    text: textOf(labels, annotations, alert.generatorURL),
    probableCause: line(annotations["probable_cause"] ?? labels["probable_cause"] ?? "", 100) || undefined,
    labels,
    annotations,
    generatorUrl: alert.generatorURL,
    startsAt,
    endsAt: isOver ? (endsAt ?? now) : undefined,
    expiresAt: isOver ? undefined : form === "post" ? given : new Date(now.getTime() + webhookForgetsMs),
    sameWithinMs: resolveTimeoutMs,
    isRepeated: form === "post",
  };
}

/** Nothing begins in the future or before there were clocks; an end of the year 1 is Go's way to say none. */
function timesOf({ startsAt, endsAt }: Pick<PostedAlert, "startsAt" | "endsAt">, form: AlertForm, now: Date) {
  const isTime = (at: Date | undefined): at is Date => at !== undefined && at.getTime() >= oldest;
  const end = isTime(endsAt) ? endsAt : undefined;
  const start = isTime(startsAt) ? startsAt : end !== undefined && end < now ? end : now;
  const begun = start > now ? now : start;
  // Of a webhook the end counts only where it says resolved, and it cannot lie ahead.
  const ended = end !== undefined && form === "webhook" && end > now ? now : end;
  return { startsAt: begun, endsAt: ended !== undefined && ended < begun ? begun : ended };
}

const shownApart = new Set(["summary", "title", "message", "description", "runbook_url", "probable_cause"]);

function textOf(labels: Labels, annotations: Labels, generatorUrl: string | undefined): string | undefined {
  const said = annotations["description"] ?? (annotations["summary"] === undefined ? undefined : annotations["message"]);
  const more = Object.entries(annotations).filter(([name]) => !shownApart.has(name));
  const parts = [
    said,
    annotations["runbook_url"] === undefined ? undefined : `Runbook: ${annotations["runbook_url"]}`,
    ...more.map(([name, value]) => `${name}: ${value}`),
    Object.entries(labels)
      .map(([name, value]) => `${name}=${value}`)
      .join(", "),
    generatorUrl === undefined || generatorUrl === "" ? undefined : `From: ${generatorUrl}`,
  ];
  const text = lines(parts.filter((part) => part !== undefined && part !== "").join("\n"), 2_000);
  return text === "" ? undefined : text;
}

/** An open alarm as Alertmanager shows an alert. What another system told has the labels that it gave. */
export function shownOf(
  alarm: Alarm,
  { told, now, publicUrl }: { told: Known | undefined; now: Date; publicUrl: string | undefined },
): ShownAlert {
  const labels = told !== undefined && Object.keys(told.labels).length > 0 ? { ...told.labels } : labelsOf(alarm);
  const page = publicUrl === undefined ? undefined : `${publicUrl.replace(/\/$/, "")}/alarms/${alarm.id}`;
  const generatorURL = told?.generatorUrl ?? page;
  const silenced = alarm.mutedBy === "window" || alarm.mutedBy === "snooze" ? [alarm.mutedById ?? alarm.mutedBy] : [];
  return {
    labels,
    annotations: { ...annotationsOf(alarm), ...told?.annotations },
    startsAt: alarm.raisedAt,
    updatedAt: alarm.lastAt,
    endsAt: told?.expiresAt ?? new Date(now.getTime() + resolveTimeoutMs),
    fingerprint: fingerprintOf(labels),
    ...(generatorURL === undefined ? {} : { generatorURL }),
    receivers: [{ name: receiver }],
    status: {
      state: alarm.mutedBy === undefined ? "active" : "suppressed",
      silencedBy: silenced,
      inhibitedBy: alarm.mutedBy === "parent" ? [alarm.mutedById ?? "parent"] : [],
      mutedBy: [],
    },
  };
}

/** There is one: what becomes of an alarm here is the routes' matter. */
export const receiver = "roost";

function labelsOf({ type, kind, severity, source, deviceId, deviceName, siteName, metric, ruleId }: Alarm): Record<string, string> {
  const given = {
    alertname: ruleId === undefined ? type : `${metric ?? "rule"}_${kind}`,
    severity,
    kind,
    source,
    device: deviceId,
    device_name: deviceName,
    site: siteName,
    metric,
    rule: ruleId,
  };
  return Object.fromEntries(Object.entries(given).filter((entry): entry is [string, string] => entry[1] !== undefined && entry[1] !== ""));
}

function annotationsOf({ title, text, value, threshold, unit, state, occurrences }: Alarm): Record<string, string> {
  const given = {
    summary: title,
    description: text,
    value: value === undefined ? undefined : `${value}${unit === undefined ? "" : ` ${unit}`}`,
    threshold: threshold === undefined ? undefined : String(threshold),
    state,
    occurrences: String(occurrences),
  };
  return Object.fromEntries(Object.entries(given).filter((entry): entry is [string, string] => entry[1] !== undefined));
}
