import type { ClaimReply } from "@roost/contract/claim";
import { defineErrors, isAppError } from "@roost/contract/errors";
import mqtt from "mqtt";
import type { MqttClient } from "mqtt";

import { acknowledged } from "./acknowledgement.ts";
import type { Acknowledgement } from "./acknowledgement.ts";

/** What stands between the agent and the door. */
export const linkErrors = defineErrors("link", {
  unreachable: [503, "The server cannot be reached. The agent keeps what it measures and tries again."],
  refused: [401, "The server refused the agent's credentials."],
  lost: [503, "The link to the server was lost."],
  not_taken: [503, "The server did not take a message. The agent keeps it and sends it again."],
  message_refused: [422, "The server will never take this message."],
});

/** Where the door is. */
export interface DoorAddress {
  readonly host: string;
  readonly port: number;
}

/** One connection to the door; it is used until it closes, and never again. */
export interface Link {
  /**
   * Sends what carries the records and waits for the PUBACK.
   *
   * @throws {AppError} `link.lost`, `not_taken` (again later) or `message_refused` (never again).
   */
  deliver(topic: string, payload: string, recordIds: readonly number[]): Promise<Acknowledgement>;
  /** Sends without waiting for anything: it is worth nothing later. */
  tell(topic: string, payload: string): void;
  /** Sends retained, and waits for the PUBACK. */
  retain(topic: string, payload: string): Promise<void>;
  /** Listens on these topics from now on. */
  listen(topics: readonly string[]): Promise<void>;
  /** Settles when the connection is gone, with the reason. */
  readonly closed: Promise<string>;
  /** Says goodbye, so that the last will stays in the drawer. */
  close(): Promise<void>;
}

// MQTT 5, 2.4: the codes that mean "not like this, not later either"; what is not here may work later.
const neverCodes = new Set([0x87, 0x90, 0x95, 0x99]);
const credentialCodes = new Set([0x84, 0x85, 0x86, 0x87, 0x8a, 0x8c]);
const acknowledgementLimitMs = 60_000;
const connectLimitMs = 20_000;

function reasonOf(error: unknown): string {
  const { code } = error as { code?: unknown };
  return typeof code === "string" || typeof code === "number" ? String(code) : error instanceof Error ? error.name : "unknown";
}

/**
 * Connects to the door over TLS, trusting the pinned authority alone.
 *
 * @throws {AppError} `link.unreachable`, or `link.refused` when the credentials no longer hold.
 */
export async function openLink({
  reply,
  door,
  will,
  hear,
}: {
  reply: ClaimReply;
  door: DoorAddress;
  will: string;
  /** Takes a message; the server is told that it came when this returns, and not where it throws. */
  hear: (topic: string, payload: string) => void;
}): Promise<Link> {
  const client = mqtt.connect({
    protocol: "mqtts",
    host: door.host,
    port: door.port,
    ca: [reply.ca_pem],
    rejectUnauthorized: true,
    username: reply.mqtt.username,
    password: reply.mqtt.password,
    clientId: reply.mqtt.client_id,
    protocolVersion: 5,
    clean: true,
    keepalive: 30,
    connectTimeout: connectLimitMs,
    // A new connection is a new client: what was not acknowledged is in the spool, and nowhere else.
    reconnectPeriod: 0,
    queueQoSZero: false,
    will: { topic: reply.topics.status, payload: Buffer.from(will), qos: 1, retain: true },
  });
  let lastError: unknown;
  client.on("error", (error) => {
    lastError = error;
  });
  const closed = new Promise<string>((resolve) => {
    client.once("close", () => {
      client.end(true);
      resolve(lastError === undefined ? "closed" : reasonOf(lastError));
    });
    client.once("disconnect", (packet) => {
      lastError ??= { code: packet.reasonCode };
    });
  });
  const accepted = new Promise<"accepted">((resolve) => client.once("connect", () => resolve("accepted")));
  const outcome = await Promise.race([accepted, closed]);
  if (outcome !== "accepted") {
    const { code } = (lastError ?? {}) as { code?: unknown };
    const make = typeof code === "number" && credentialCodes.has(code) ? linkErrors.refused : linkErrors.unreachable;
    throw make({ ...door, reason: outcome }, { cause: lastError });
  }
  const cut = (reason: string) => {
    lastError ??= { code: reason };
    client.end(true);
  };
  client.handleMessage = ({ topic, payload }, done) => {
    try {
      hear(topic, payload.toString());
      done();
    } catch (error) {
      // Not confirmed, it comes again over the next link.
      cut(reasonOf(error));
    }
  };
  return linkOver(client, closed, cut);
}

function linkOver(client: MqttClient, closed: Promise<string>, cut: (reason: string) => void): Link {
  // One listener for all that is on its way: one for each would hold every payload until the link closes.
  const onTheirWay = new Set<(reason: string) => void>();
  void closed.then((reason) => {
    for (const fail of onTheirWay) fail(reason);
  });

  function publish(topic: string, payload: string, retain: boolean): Promise<void> {
    return new Promise((resolve, reject) => {
      const settle = () => {
        clearTimeout(late);
        onTheirWay.delete(fail);
      };
      const fail = (reason: string) => {
        settle();
        reject(linkErrors.lost({ reason }));
      };
      onTheirWay.add(fail);
      // A door that takes a message and stays silent is no link: what was sent goes again over the next one.
      const late = setTimeout(() => {
        cut("no_puback");
        fail("no_puback");
      }, acknowledgementLimitMs);
      client.publish(topic, payload, { qos: 1, retain }, (error) => {
        settle();
        if (error === undefined || error === null) {
          resolve();
          return;
        }
        const { code } = error as { code?: unknown };
        if (typeof code !== "number") reject(linkErrors.lost({ reason: reasonOf(error) }, { cause: error }));
        else if (neverCodes.has(code)) reject(linkErrors.message_refused({ reasonCode: code }, { cause: error }));
        else reject(linkErrors.not_taken({ reasonCode: code }, { cause: error }));
      });
    });
  }
  return {
    closed,
    async deliver(topic, payload, recordIds) {
      await publish(topic, payload, false);
      return acknowledged(recordIds);
    },
    tell(topic, payload) {
      if (client.connected) client.publish(topic, payload, { qos: 0 }, () => undefined);
    },
    retain: (topic, payload) => publish(topic, payload, true),
    async listen(topics) {
      await client.subscribeAsync([...topics], { qos: 1 }).catch((error: unknown) => {
        cut(reasonOf(error));
        throw linkErrors.lost({ reason: reasonOf(error) }, { cause: error });
      });
    },
    async close() {
      await client.endAsync(false).catch(() => undefined);
      await closed;
    },
  };
}

/** Says whether the server turned the credentials down. */
export function isRefusedLink(error: unknown): boolean {
  return isAppError(error, linkErrors.refused.code);
}
