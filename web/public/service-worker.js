// Shows what Roost tells this browser, and lets an alarm be acknowledged from where it is shown. It keeps nothing and answers no requests of
// pages: those come from the server.

const plain = (value, otherwise) => (typeof value === "string" && value !== "" ? value : otherwise);
// Within this app alone, whatever the message says.
const pathOf = (value) => (typeof value === "string" && /^\/(?![/\\])/.test(value) ? value : "/notifications");

function read(event) {
  try {
    const told = event.data?.json();
    return typeof told === "object" && told !== null ? told : {};
  } catch {
    return {};
  }
}

self.addEventListener("install", () => {
  // What was told to the old one is understood by the new one.
  void self.skipWaiting();
});

self.addEventListener("push", (event) => {
  const told = read(event);
  const token = plain(told.acknowledge, undefined);
  const isBad = told.tone === "critical" || told.tone === "major";
  event.waitUntil(
    // A browser that shows nothing loses the right to be told.
    self.registration.showNotification(plain(told.title, "Roost"), {
      body: plain(told.body, "Something happened. Open Roost to see what."),
      tag: plain(told.tag, "roost"),
      renotify: true,
      requireInteraction: isBad,
      silent: told.tone === "info" || told.tone === "over",
      icon: "/icon-192.png",
      badge: "/icon-192.png",
      timestamp: Number.isNaN(Date.parse(told.at)) ? Date.now() : Date.parse(told.at),
      data: { path: pathOf(told.path), token },
      actions: [...(token === undefined ? [] : [{ action: "acknowledge", title: "Acknowledge" }]), { action: "open", title: "Open" }],
    }),
  );
});

/** Without a session: the token is the proof, and works once. */
async function acknowledge(notification) {
  const { path, token } = notification.data;
  let words = "";
  try {
    const answer = await fetch("/api/v1/notification-actions", {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify({ action: "acknowledge", token }),
      credentials: "omit",
    });
    if (answer.ok) words = "Acknowledged.";
    else words = (await answer.json())?.error?.message ?? `Not acknowledged: Roost answered ${answer.status}.`;
  } catch {
    words = "Not acknowledged: Roost cannot be reached. Open it and try again.";
  }
  await self.registration.showNotification(notification.title, {
    body: words,
    tag: notification.tag,
    silent: true,
    icon: "/icon-192.png",
    badge: "/icon-192.png",
    data: { path },
    actions: [{ action: "open", title: "Open" }],
  });
}

async function open(path) {
  const pages = await self.clients.matchAll({ type: "window", includeUncontrolled: true });
  for (const page of pages) {
    try {
      const moved = (await page.navigate(path)) ?? page;
      await moved.focus();
      return;
    } catch {
      // One that is not ours to move: another one, or a new one.
    }
  }
  await self.clients.openWindow(path);
}

// The push service wants a new address: without this nobody would be told here any more, and nobody would know.
self.addEventListener("pushsubscriptionchange", (event) => {
  const renew = async () => {
    const key = event.oldSubscription?.options.applicationServerKey;
    if (!key) return;
    const subscription =
      event.newSubscription ?? (await self.registration.pushManager.subscribe({ userVisibleOnly: true, applicationServerKey: key }));
    const { endpoint, keys } = subscription.toJSON();
    await fetch("/api/v1/push-subscriptions", {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify({ name: "Browser, renewed", subscription: { endpoint, keys } }),
    });
  };
  event.waitUntil(renew());
});

self.addEventListener("notificationclick", (event) => {
  const { notification, action } = event;
  notification.close();
  const { path, token } = notification.data ?? {};
  event.waitUntil(action === "acknowledge" && typeof token === "string" ? acknowledge(notification) : open(pathOf(path)));
});
