/** One bound of the door: nothing a client does may cost more than this. */
export interface Limit {
  readonly default: number;
  readonly unit:
    | "ms"
    | "s"
    | "bytes"
    | "messages"
    | "connections"
    | "sessions"
    | "filters"
    | "levels"
    | "properties"
    | "per second"
    | "aliases";
  /** What the client is told: MQTT 5 reason code, and what 3.1.1 sees. */
  readonly answer: string;
  readonly about: string;
}

/**
 * Every limit of the door, said once: for the code, for `docs/reference/limits.md` and for the tests.
 *
 * Each has a counter of the same name in `stats().exceeded`.
 */
export const mqttLimits = {
  connectTimeMs: {
    default: 9_000,
    unit: "ms",
    answer: "closed",
    about: "From the first TCP packet to a complete CONNECT, TLS included.",
  },
  packetBytesBeforeAuth: {
    default: 8_192,
    unit: "bytes",
    answer: "closed",
    about: "Largest packet of a client that has not signed in.",
  },
  packetBytes: {
    default: 135_168,
    unit: "bytes",
    answer: "DISCONNECT 0x95, 3.1.1: closed",
    about: "Largest packet, announced as Maximum Packet Size.",
  },
  payloadBytes: {
    default: 131_072,
    unit: "bytes",
    answer: "DISCONNECT 0x95, 3.1.1: closed",
    about: "Largest payload of a message or a will.",
  },
  connections: {
    default: 20_000,
    unit: "connections",
    answer: "closed before TLS",
    about: "Connections of the whole door at once.",
  },
  connectionsPerAddress: {
    default: 20_000,
    unit: "connections",
    answer: "CONNACK 0x97, 3.1.1: 3",
    about: "Signed-in connections from one address at once.",
  },
  unauthenticated: {
    default: 4_000,
    unit: "connections",
    answer: "closed before TLS",
    about: "Connections of the whole door that have not signed in yet.",
  },
  unauthenticatedPerAddress: {
    default: 100,
    unit: "connections",
    answer: "closed before TLS",
    about: "Connections from one address that have not signed in yet.",
  },
  connectsPerSecond: {
    default: 1_000,
    unit: "per second",
    answer: "CONNACK 0x9F, 3.1.1: 3",
    about: "CONNECT packets a second, over all clients; twice as many at once after a pause.",
  },
  handshakesPerSecond: {
    default: 500,
    unit: "per second",
    answer: "waits for its turn",
    about: "TLS handshakes begun a second, so that those who come back do not hold up those who are here.",
  },
  clientIdBytes: {
    default: 128,
    unit: "bytes",
    answer: "CONNACK 0x85, 3.1.1: 2",
    about: "Length of a client id.",
  },
  keepAliveSeconds: {
    default: 3_600,
    unit: "s",
    answer: "Server Keep Alive, then DISCONNECT 0x8D, 3.1.1: closed",
    about: "Longest keep-alive; also used where a client asks for none. Cut after one and a half times.",
  },
  receiveMaximum: {
    default: 1_000,
    unit: "messages",
    answer: "DISCONNECT 0x93, 3.1.1: not read until earlier ones are acknowledged",
    about: "Messages of QoS 1 and 2 from one client that are not acknowledged yet, announced as Receive Maximum.",
  },
  qos2Pending: {
    default: 5_000,
    unit: "messages",
    answer: "DISCONNECT 0x93, 3.1.1: closed",
    about: "QoS 2 messages of one client whose PUBREL has not come.",
  },
  topicBytes: {
    default: 256,
    unit: "bytes",
    answer: "PUBACK or DISCONNECT 0x90, SUBACK 0x8F, 3.1.1: SUBACK 0x80",
    about: "Length of a topic or filter.",
  },
  topicLevels: {
    default: 8,
    unit: "levels",
    answer: "PUBACK or DISCONNECT 0x90, SUBACK 0x8F, 3.1.1: SUBACK 0x80",
    about: "Levels of a topic or filter.",
  },
  topicAliases: {
    default: 10,
    unit: "aliases",
    answer: "DISCONNECT 0x94",
    about: "Topic aliases a client may set, announced as Topic Alias Maximum.",
  },
  userProperties: {
    default: 32,
    unit: "properties",
    answer: "DISCONNECT or CONNACK 0x97",
    about: "User properties in one packet.",
  },
  filtersPerSubscribe: {
    default: 64,
    unit: "filters",
    answer: "SUBACK 0x97 for every filter, 3.1.1: 0x80",
    about: "Filters in one SUBSCRIBE.",
  },
  subscriptionsPerSession: {
    default: 200,
    unit: "filters",
    answer: "SUBACK 0x97, 3.1.1: 0x80",
    about: "Subscriptions one session holds.",
  },
  outgoingInflight: {
    default: 100,
    unit: "messages",
    answer: "waits in the queue",
    about: "QoS 1 messages to one client that it has not acknowledged; its own Receive Maximum may be lower.",
  },
  queueMessages: {
    default: 1_000,
    unit: "messages",
    answer: "newest is dropped",
    about: "QoS 1 messages waiting for one client, connected or not.",
  },
  queueBytes: {
    default: 1_048_576,
    unit: "bytes",
    answer: "newest is dropped",
    about: "Bytes of the messages waiting for one client.",
  },
  queueTotalBytes: {
    default: 50_331_648,
    unit: "bytes",
    answer: "newest is dropped",
    about: "Bytes of the messages waiting for all clients together.",
  },
  outBufferBytes: {
    default: 262_144,
    unit: "bytes",
    answer: "QoS 0 is dropped, QoS 1 waits, nothing is read",
    about: "Bytes written to one client that it has not taken from the network.",
  },
  stalledSeconds: {
    default: 60,
    unit: "s",
    answer: "closed",
    about: "How long a client may leave a full buffer untouched.",
  },
  retainedPerPrincipal: {
    default: 100,
    unit: "messages",
    answer: "PUBACK 0x97, 3.1.1: closed, or acknowledged once the refusal is on record",
    about: "Retained messages of one device or token.",
  },
  retainedBytesPerPrincipal: {
    default: 262_144,
    unit: "bytes",
    answer: "PUBACK 0x97, 3.1.1: closed, or acknowledged once the refusal is on record",
    about: "Bytes of the retained messages of one device or token.",
  },
  sessions: {
    default: 50_000,
    unit: "sessions",
    answer: "CONNACK 0x97, 3.1.1: 3",
    about: "Sessions kept, connected or not.",
  },
  sessionsPerPrincipal: {
    default: 50,
    unit: "sessions",
    answer: "CONNACK 0x97, 3.1.1: 3",
    about: "Sessions of one device or token, connected or not.",
  },
  sessionExpirySeconds: {
    default: 604_800,
    unit: "s",
    answer: "Session Expiry Interval in CONNACK",
    about: "How long the session of a client that is away is kept; 3.1.1 sessions that are not clean get all of it.",
  },
} as const satisfies Readonly<Record<string, Limit>>;

export type LimitName = keyof typeof mqttLimits;
export type MqttLimits = { readonly [Name in LimitName]: number };

/** All limits, with those given in place of the defaults. */
export function withDefaults(given: Partial<MqttLimits> = {}): MqttLimits {
  const names = Object.keys(mqttLimits) as LimitName[];
  return Object.fromEntries(names.map((name) => [name, given[name] ?? mqttLimits[name].default])) as MqttLimits;
}

/** How often each limit was met. */
export type Exceeded = Record<LimitName, number>;

export function noneExceeded(): Exceeded {
  return Object.fromEntries(Object.keys(mqttLimits).map((name) => [name, 0])) as Exceeded;
}
