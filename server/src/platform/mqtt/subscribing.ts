import { ingestErrors } from "@roost/contract/ingest";
import type { ISubscribePacket, ISubscription, IUnsubscribePacket } from "mqtt-packet";

import type { Hub } from "./hub.ts";
import type { Link } from "./link.ts";
import { encodePacket } from "./packet-codec.ts";
import type { Session, Subscription } from "./session.ts";
import { isTopicFilter, levelsOf } from "./topic-filter.ts";

/** Grants or refuses every filter of a SUBSCRIBE, answers it, and sends the retained messages asked for. */
export function subscribe(hub: Hub, session: Session, link: Link, packet: ISubscribePacket): void {
  const tooMany = packet.subscriptions.length > hub.limits.filtersPerSubscribe;
  if (tooMany) hub.exceed("filtersPerSubscribe");
  const id = packet.properties?.subscriptionIdentifier ?? 0;
  const granted: number[] = [];
  for (const wanted of packet.subscriptions) {
    const refusal = tooMany ? 0x97 : whyNot(hub, session, link, wanted.topic);
    if (refusal !== 0) granted.push(link.version === 5 ? refusal : 0x80);
    else granted.push(add(hub, session, wanted, id));
  }
  const { messageId } = packet;
  link.sendPacket(encodePacket({ cmd: "suback", granted, ...(messageId === undefined ? {} : { messageId }) }, link.version));
  session.outbox?.pump(link, session.principal);
  if (granted.some((code) => code < 0x80)) hub.onListening(session.principal);
}

/** Why a filter is refused, as an MQTT 5 reason code; 0 where it is not. */
function whyNot(hub: Hub, session: Session, link: Link, filter: string): number {
  const { limits } = hub;
  const tooLong = Buffer.byteLength(filter) > limits.topicBytes;
  if (tooLong || levelsOf(filter) > limits.topicLevels) {
    hub.exceed(tooLong ? "topicBytes" : "topicLevels");
    return 0x8f;
  }
  if (filter === "$share" || filter.startsWith("$share/")) return 0x9e;
  if (!isTopicFilter(filter)) return 0x8f;
  const { principal } = session;
  if (!principal.maySubscribe(filter)) {
    // Whoever listens at others' doors is on record, as who speaks in their name.
    hub.onRefused(
      { principal, code: ingestErrors.not_allowed.code, topic: filter, excerpt: "", remoteAddress: link.remoteAddress },
      undefined,
    );
    return 0x87;
  }
  if ((session.subscriptions?.size ?? 0) >= limits.subscriptionsPerSession && session.subscriptions?.has(filter) !== true) {
    hub.exceed("subscriptionsPerSession");
    return 0x97;
  }
  return 0;
}

/** @returns The QoS granted: 1 at most, for the door keeps no halves of QoS 2 on the way down. */
function add(hub: Hub, session: Session, wanted: ISubscription, id: number): number {
  const qos = wanted.qos === 0 ? 0 : 1;
  const filter = wanted.topic;
  const before = session.subscriptions?.get(filter);
  if (before !== undefined) hub.subscriptions.remove(filter, before);
  const subscription: Subscription = {
    session,
    filter,
    qos,
    noLocal: wanted.nl === true,
    retainAsPublished: wanted.rap === true,
    id,
  };
  (session.subscriptions ??= new Map()).set(filter, subscription);
  hub.subscriptions.add(filter, subscription);
  const handling = wanted.rh ?? 0;
  if (hub.retained.count > 0 && (handling === 0 || (handling === 1 && before === undefined))) {
    hub.outboxOf(session).addRetained(filter, qos, id === 0 ? undefined : [id]);
  }
  return qos;
}

/** Ends subscriptions and answers the UNSUBSCRIBE. */
export function unsubscribe(hub: Hub, session: Session, link: Link, packet: IUnsubscribePacket): void {
  const granted = packet.unsubscriptions.map((filter) => {
    const before = session.subscriptions?.get(filter);
    if (before === undefined) return 0x11;
    session.subscriptions?.delete(filter);
    hub.subscriptions.remove(filter, before);
    session.outbox?.dropRetained(filter);
    return 0;
  });
  const { messageId } = packet;
  link.sendPacket(encodePacket({ cmd: "unsuback", granted, ...(messageId === undefined ? {} : { messageId }) }, link.version));
}
