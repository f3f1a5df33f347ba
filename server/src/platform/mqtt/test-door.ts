// A door for tests: real sockets, real certificate; only what comes behind it is a stand-in that commits when told to.
import "reflect-metadata";
import { webcrypto } from "node:crypto";

import * as x509 from "@peculiar/x509";
import { AppError } from "@roost/contract/errors";
import { parseDeviceTopic } from "@roost/contract/topics";

import { systemClock } from "../clock.ts";
import { acknowledge, IntakeGate } from "../intake.ts";
import type { PublishRoute, Ticket } from "../intake.ts";
import { createLog } from "../log.ts";
import { receiptOfCommit } from "../receipt.ts";
import { createDoor } from "./door.ts";
import type { DoorDeps } from "./door.ts";
import type { RefusedPublish } from "./hub.ts";
import type { Credentials, Principal, Refusal } from "./principal.ts";
import { matches } from "./topic-filter.ts";

/** A message as the stand-in for ingest took it. */
export interface Taken {
  readonly topic: string;
  readonly payload: string;
  readonly retain: boolean;
  readonly ticket: Ticket | undefined;
}

export interface TestPrincipal extends Principal {
  revoked: boolean;
}

const refused: Refusal = { refused: true, code: "ingest.not_allowed", reason: 0x87 };

/** A self-signed certificate for localhost. */
export async function makeCertificate(): Promise<{ cert: string; key: string }> {
  const algorithm = { name: "ECDSA", namedCurve: "P-256", hash: "SHA-256" };
  const keys = await webcrypto.subtle.generateKey(algorithm, true, ["sign", "verify"]);
  const certificate = await x509.X509CertificateGenerator.createSelfSigned(
    {
      name: "CN=localhost",
      keys,
      signingAlgorithm: algorithm,
      notBefore: new Date(Date.now() - 60_000),
      notAfter: new Date(Date.now() + 86_400_000),
      extensions: [
        new x509.SubjectAlternativeNameExtension([
          { type: "dns", value: "localhost" },
          { type: "ip", value: "127.0.0.1" },
        ]),
      ],
    },
    webcrypto as Parameters<typeof x509.X509CertificateGenerator.createSelfSigned>[1],
  );
  const pkcs8 = Buffer.from(await webcrypto.subtle.exportKey("pkcs8", keys.privateKey)).toString("base64");
  return {
    cert: certificate.toString("pem"),
    key: `-----BEGIN PRIVATE KEY-----\n${pkcs8.replaceAll(/(.{64})/g, "$1\n")}\n-----END PRIVATE KEY-----\n`,
  };
}

/** Opens a door. Devices sign in with their id as user name and `secret` as password; tokens as `token` with `<organisation>` as password. */
export async function openTestDoor(
  options: Partial<Pick<DoorDeps, "limits" | "retained" | "onRefused" | "onListening" | "clock">> & {
    autoCommit?: boolean;
    withTls?: boolean;
  } = {},
) {
  const taken: Taken[] = [];
  const rejects: RefusedPublish[] = [];
  const principals = new Map<string, TestPrincipal>();
  const organisations = new Map<string, string>();
  const gate = new IntakeGate({ highBytes: 1_000_000, lowBytes: 500_000 });
  let waiting: Ticket[] = [];
  let autoCommit = options.autoCommit ?? true;
  let scheduled = false;

  function commit(): void {
    const tickets = waiting;
    waiting = [];
    acknowledge(receiptOfCommit(Date.now()), tickets);
  }

  function routeTo(topic: string): PublishRoute {
    return {
      mayRetain: topic.endsWith("/status"),
      accept(bytes, start, end, ticket, retain) {
        taken.push({ topic, payload: bytes.toString("utf8", start, end), retain, ticket });
        if (ticket !== undefined) waiting.push(ticket);
        if (!autoCommit || scheduled) return;
        scheduled = true;
        setImmediate(() => {
          scheduled = false;
          commit();
        });
      },
    };
  }

  function devicePrincipal(id: string): TestPrincipal {
    return {
      kind: "device",
      id,
      organisationId: organisations.get(id) ?? "one",
      revoked: false,
      mayUseClientId: (clientId) => clientId === id,
      mayPublish(topic) {
        const parsed = parseDeviceTopic(topic);
        return parsed?.deviceId === id && parsed.direction === "up" ? routeTo(topic) : refused;
      },
      maySubscribe: (filter) => filter.startsWith(`devices/${id}/`),
      mayReceive: (topic) => parseDeviceTopic(topic)?.deviceId === id,
    };
  }

  function tokenPrincipal(organisationId: string): TestPrincipal {
    return {
      kind: "token",
      id: `token-${organisationId}`,
      organisationId,
      revoked: false,
      mayUseClientId: (clientId) => !organisations.has(clientId),
      mayPublish: () => refused,
      maySubscribe: (filter) => filter.startsWith("devices/"),
      mayReceive: (topic) => organisations.get(parseDeviceTopic(topic)?.deviceId ?? "") === organisationId,
    };
  }

  function principalFor(username: string, password: string): TestPrincipal | undefined {
    const key = `${username}:${password}`;
    const known = principals.get(key);
    if (known !== undefined) return known;
    const made =
      username === "token"
        ? tokenPrincipal(password)
        : organisations.has(username) && password === "secret"
          ? devicePrincipal(username)
          : undefined;
    if (made !== undefined) principals.set(key, made);
    return made;
  }

  const certificate = options.withTls === false ? undefined : await makeCertificate();
  const door = createDoor({
    authenticate: async ({ username = "", password }: Credentials) => {
      const principal = principalFor(username, password?.toString() ?? "");
      if (principal === undefined || principal.revoked) return { refused: true, code: "ingest.unknown_device", reason: 0x86 };
      return principal;
    },
    gate,
    retained: options.retained ?? [],
    tls: certificate,
    ports: { plain: { host: "127.0.0.1", port: 0 }, tls: certificate === undefined ? undefined : { host: "127.0.0.1", port: 0 } },
    limits: options.limits,
    clock: options.clock ?? systemClock,
    log: createLog({ level: "error", pretty: false }),
    onListening: options.onListening,
    onRefused: options.onRefused ?? ((reject) => void rejects.push(reject)),
  });
  const ports = await door.listen();
  if (ports.plain === undefined) throw new AppError("test.no_port", 500, "The test door did not open.");

  return {
    door,
    gate,
    taken,
    rejects,
    plain: { port: ports.plain },
    tls: { port: ports.tls ?? 0, ca: certificate?.cert ?? "" },
    addDevice(id: string, organisationId = "one") {
      organisations.set(id, organisationId);
    },
    principal: (username: string, password = "secret") => principals.get(`${username}:${password}`),
    /** Ends the right of a principal; a new one under the same name is refused until {@link readmit}. */
    revoke(username: string, password = "secret") {
      const principal = principals.get(`${username}:${password}`);
      if (principal !== undefined) principal.revoked = true;
    },
    commit,
    holdCommits() {
      autoCommit = false;
    },
    waitingTickets: () => waiting,
    wouldMatch: matches,
  };
}

export type TestDoor = Awaited<ReturnType<typeof openTestDoor>>;
