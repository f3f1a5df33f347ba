import { sql } from "@roost/contract/sql";
import webPush from "web-push";

import type { Db } from "../../platform/db.ts";
import type { EgressAnswer, EgressRequest } from "../../platform/egress.ts";
import type { Seal } from "../../platform/seal.ts";
import { plainResult } from "./channel.ts";
import type { AttemptResult } from "./delivery.ts";
import type { Notice } from "./notice.ts";
import { headingOf, oneLine, toneOf } from "./wording.ts";

/** What a browser hands out when it is asked for a subscription. */
export interface Subscription {
  readonly url: string;
  readonly keys: { readonly p256dh: string; readonly auth: string };
}

interface PushKeys {
  readonly publicKey: string;
  readonly privateKey: string;
}

/** The seal binds the key of the installation to its one row. */
export const pushKeyPurpose = "push key";

// A phone that was off for a day hears of what is over by the app itself.
const keptSeconds = 24 * 3_600;
// 4,096 bytes in all, after encryption.
const longestText = 1_000;

/**
 * Notices to browsers (RFC 8030, 8291, 8292): encrypted for the browser alone, signed with the installation's own key, which is made once.
 *
 * @param subject - How operators of push services reach whoever runs this installation: `mailto:` or `https:`.
 */
export function createPush({ db, seal, subject }: { db: Db; seal: Seal; subject: string }) {
  let known: PushKeys | undefined;

  async function keys(): Promise<PushKeys> {
    if (known !== undefined) return known;
    const read = async () => {
      const [row] = await db.query<{ public_key: string; private_sealed: Buffer }>(
        sql`select k.public_key, k.private_sealed from push_keys k`,
      );
      return row && { publicKey: row.public_key, privateKey: seal.open(row.private_sealed, pushKeyPurpose).toString("utf8") };
    };
    const found = await read();
    if (found === undefined) {
      const made = webPush.generateVAPIDKeys();
      await db.query(sql`
        insert into push_keys (public_key, private_sealed) values (${made.publicKey}, ${seal.seal(Buffer.from(made.privateKey), pushKeyPurpose)})
        on conflict do nothing`);
    }
    // Two servers may begin at once: the first one's stands.
    known = found ?? (await read());
    if (known === undefined) throw new Error("The key for browser notifications is neither there nor could it be made.");
    return known;
  }

  return {
    /** What a browser subscribes with. */
    publicKey: async (): Promise<string> => (await keys()).publicKey,

    /** The request that brings a notice to a browser. @param token - Lets the notification acknowledge its alarm, once. */
    async requestFor(told: Notice, to: Subscription, deliveryId: string, token: string | undefined): Promise<EgressRequest> {
      const { publicKey, privateKey } = await keys();
      const tone = toneOf(told);
      const payload = {
        version: 1,
        id: deliveryId,
        type: told.type,
        tone,
        title: oneLine(headingOf(told), 120),
        body: oneLine(told.text, longestText),
        at: told.at,
        // What is told of one alarm stands in one place.
        tag: told.alarm?.id ?? deliveryId,
        path: told.alarm === undefined ? "/notifications" : `/alarms/${encodeURIComponent(told.alarm.id)}`,
        ...(token === undefined ? {} : { acknowledge: token }),
      };
      const { endpoint, headers, body } = webPush.generateRequestDetails(
        { endpoint: to.url, keys: { p256dh: to.keys.p256dh, auth: to.keys.auth } },
        JSON.stringify(payload),
        {
          vapidDetails: { subject, publicKey, privateKey },
          TTL: keptSeconds,
          urgency: tone === "critical" || tone === "major" ? "high" : "normal",
          contentEncoding: "aes128gcm",
          // Tries of one notice replace each other at the push service.
          topic: deliveryId.replaceAll("-", ""),
        },
      );
      const sent = Object.fromEntries(Object.entries(headers).map(([name, value]) => [name.toLowerCase(), value]));
      return { url: endpoint, method: "POST", headers: sent, body };
    },
  };
}

export type Push = ReturnType<typeof createPush>;

/** 404 and 410: the browser ended the subscription. 413 and 400 will be said again; 429 passes. */
export function readPush(answer: EgressAnswer): AttemptResult {
  if (answer.status === 404 || answer.status === 410)
    return { ...plainResult(answer), code: "notifications.gone", isFinal: true, isGone: true };
  return plainResult(answer);
}
