import type { addPushSubscription } from "@roost/contract/push";
import type { z } from "zod";

type Body = z.input<NonNullable<typeof addPushSubscription.body>>;

/** Why this browser cannot be told, or that it can. */
export type PushSupport = "yes" | "insecure" | "denied" | "no";

const workerPath = "/service-worker.js";

/** Says whether this browser can be told of alarms; iOS can once the app is on the home screen. */
export function pushSupport(window: Window & typeof globalThis): PushSupport {
  if (!window.isSecureContext) return "insecure";
  if (!("serviceWorker" in window.navigator) || !("PushManager" in window) || !("Notification" in window)) return "no";
  return window.Notification.permission === "denied" ? "denied" : "yes";
}

/** The subscription this browser has, if any. */
export async function findSubscription(): Promise<PushSubscription | null> {
  const worker = await navigator.serviceWorker.getRegistration(workerPath);
  return (await worker?.pushManager.getSubscription()) ?? null;
}

/**
 * Asks the person, then the browser's push service, for a subscription.
 *
 * @throws {DOMException} `NotAllowedError` where they said no.
 */
export async function subscribe(publicKey: string): Promise<Body["subscription"]> {
  const worker = await navigator.serviceWorker.register(workerPath);
  await navigator.serviceWorker.ready;
  // One made for another installation's key cannot be used for ours.
  await (await worker.pushManager.getSubscription())?.unsubscribe();
  const made = await worker.pushManager.subscribe({ userVisibleOnly: true, applicationServerKey: publicKey });
  const { endpoint = "", keys = {} } = made.toJSON();
  return { endpoint, keys: { p256dh: keys["p256dh"] ?? "", auth: keys["auth"] ?? "" } };
}

/** What to call this browser, as its owner would: `Firefox on Android`. */
export function browserName({ userAgent }: Pick<Navigator, "userAgent">): string {
  const browsers = {
    Edg: "Edge",
    OPR: "Opera",
    Firefox: "Firefox",
    SamsungBrowser: "Samsung Internet",
    Chrome: "Chrome",
    Safari: "Safari",
  };
  const systems = { Android: "Android", iPhone: "iPhone", iPad: "iPad", Windows: "Windows", Mac: "Mac", CrOS: "ChromeOS", Linux: "Linux" };
  const first = (words: Readonly<Record<string, string>>) => Object.entries(words).find(([sign]) => userAgent.includes(sign))?.[1];
  return `${first(browsers) ?? "Browser"} on ${first(systems) ?? "this device"}`;
}
