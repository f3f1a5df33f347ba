import type { Metrics } from "../http/metrics.ts";
import type { Door } from "./door.ts";
import { mqttLimits } from "./limits.ts";
import type { LimitName } from "./limits.ts";

type Stats = ReturnType<Door["stats"]>;
type Count = { [Name in keyof Stats]: Stats[Name] extends number ? Name : never }[keyof Stats];

const gauges: readonly [Count, string][] = [
  ["connections", "MQTT clients signed in."],
  ["unauthenticated", "MQTT connections that have not signed in."],
  ["sessions", "MQTT sessions, connected or not."],
  ["retained", "Retained messages."],
  ["retainedBytes", "Bytes of the retained messages."],
  ["queuedBytes", "Bytes that wait for MQTT clients."],
  ["ticketsInFlight", "Messages that wait for their commit."],
];

const totals: readonly [Count, string][] = [
  ["connects", "MQTT sign-ins."],
  ["connectsRefused", "MQTT sign-ins refused."],
  ["published", "Messages taken from MQTT clients."],
  ["publishRefused", "Messages of MQTT clients refused at the door."],
  ["duplicatesHeld", "QoS 2 messages that came again and were not passed on."],
  ["retainIgnored", "Messages taken whose topic is not for retaining."],
  ["delivered", "Messages handed to MQTT sessions."],
  ["deliveryDenied", "Messages a subscription matched and the right to receive did not."],
  ["wills", "Wills published."],
  ["willsRefused", "Wills refused."],
  ["takeovers", "Connections taken over by a newer one of the same client."],
  ["revoked", "Sessions ended with the right of their principal."],
  ["sessionsExpired", "Sessions that ended because nobody came back."],
  ["protocolErrors", "Connections ended for breaking the protocol."],
];

const snakeCase = (name: string) => name.replaceAll(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);

/** Shows the door's counts and, for every limit, how often it was met: `roost_door_limit_<limit>_total`. */
export function countDoor(metrics: Metrics, door: Pick<Door, "stats">): void {
  for (const [name, help] of gauges) metrics.gauge({ name: `roost_door_${snakeCase(name)}`, help, read: () => door.stats()[name] });
  for (const [name, help] of totals) metrics.total({ name: `roost_door_${snakeCase(name)}_total`, help, read: () => door.stats()[name] });
  for (const name of Object.keys(mqttLimits) as LimitName[]) {
    const help = `How often this limit was met: ${mqttLimits[name].about}`;
    metrics.total({ name: `roost_door_limit_${snakeCase(name)}_total`, help, read: () => door.stats().exceeded[name] });
  }
}
