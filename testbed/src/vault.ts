import { randomBytes } from "node:crypto";
import { createServer } from "node:http";
import type { IncomingMessage, ServerResponse } from "node:http";
import { createServer as createTlsServer } from "node:https";
import type { AddressInfo } from "node:net";

/** A secret store on loopback that speaks KV version 2 as OpenBao and Vault do: over real HTTP, with versions, policies, tokens that run out, and a seal. */
export interface TestVault {
  readonly url: string;
  /** A token whose policy reads and lists the path and looks after itself, no more. */
  readonly token: string;
  /** `METHOD path` of every request, in order. */
  readonly asked: readonly string[];
  /** Writes the next version. */
  put(path: string, fields: Readonly<Record<string, string>>): number;
  /** As `bao kv delete` of one version, or for good. */
  remove(path: string, version: number, forGood?: boolean): void;
  seal(): void;
  unseal(): void;
  /** Seconds that the token has left; 0 ends it. */
  setTtl(seconds: number): void;
  ttlSeconds(): number;
  /** Gives another token in the old one's place. */
  replaceToken(): string;
  /** Stops listening, as a machine that is off, and comes back on the same port. */
  stop(): Promise<void>;
  resume(): Promise<void>;
  close(): Promise<void>;
}

interface Version {
  readonly fields: Readonly<Record<string, string>>;
  readonly madeAt: Date;
  deletedAt?: Date;
  destroyed: boolean;
}

const mount = "secret";
const longestTtlSeconds = 3_600;

/** Starts a store, unsealed and empty. @param tls - Key and certificate in PEM; without them it speaks plain http. */
export async function startVault({ tls }: { tls?: { readonly key: string; readonly cert: string } } = {}): Promise<TestVault> {
  const kept = new Map<string, Version[]>();
  const asked: string[] = [];
  let isSealed = false;
  let token = `hvs.${randomBytes(18).toString("base64url")}`;
  let endsMs = Date.now() + longestTtlSeconds * 1_000;
  let port = 0;
  let server = makeServer();

  const ttl = () => Math.max(0, Math.round((endsMs - Date.now()) / 1_000));

  function makeServer() {
    const listener = (request: IncomingMessage, response: ServerResponse) => {
      request.resume();
      request.once("end", () => answer(request, response));
    };
    return tls === undefined ? createServer(listener) : createTlsServer(tls, listener);
  }

  function reply(response: ServerResponse, status: number, body: unknown): void {
    response.writeHead(status, { "content-type": "application/json", "cache-control": "no-store" });
    response.end(JSON.stringify(body));
  }

  function answer(request: IncomingMessage, response: ServerResponse): void {
    const url = new URL(request.url ?? "", "http://vault");
    const { method = "" } = request;
    asked.push(`${method} ${url.pathname}${url.search}`);
    if (url.pathname === "/v1/sys/seal-status") {
      return reply(response, 200, { type: "shamir", initialized: true, sealed: isSealed, t: 3, n: 5, progress: 0, version: "2.2.0" });
    }
    if (url.pathname === "/v1/sys/health") return reply(response, isSealed ? 503 : 200, { initialized: true, sealed: isSealed });
    if (isSealed) return reply(response, 503, { errors: ["Vault is sealed"] });
    if (request.headers["x-vault-token"] !== token || ttl() === 0) return reply(response, 403, { errors: ["permission denied"] });
    if (method === "GET" && url.pathname === "/v1/auth/token/lookup-self") {
      return reply(response, 200, {
        data: { ttl: ttl(), creation_ttl: longestTtlSeconds, renewable: true, policies: ["default", "roost"] },
      });
    }
    if (method === "POST" && url.pathname === "/v1/auth/token/renew-self") {
      endsMs = Date.now() + longestTtlSeconds * 1_000;
      return reply(response, 200, { auth: { client_token: token, lease_duration: longestTtlSeconds, renewable: true } });
    }
    const [, kind, path] = /^\/v1\/secret\/(data|metadata)\/(.+)$/.exec(url.pathname) ?? [];
    // The policy of the guide: `read` and `list`, nothing that writes.
    if (kind === undefined || path === undefined || method !== "GET") return reply(response, 403, { errors: ["permission denied"] });
    return kind === "data" ? answerData(response, path, url.searchParams.get("version")) : answerMetadata(response, path);
  }

  function answerData(response: ServerResponse, path: string, asks: string | null): void {
    const versions = kept.get(path) ?? [];
    const number = asks === null || asks === "0" ? versions.length : Number(asks);
    const found = versions[number - 1];
    if (found === undefined) return reply(response, 404, { errors: [] });
    const metadata = {
      created_time: found.madeAt.toISOString(),
      deletion_time: found.deletedAt?.toISOString() ?? "",
      destroyed: found.destroyed,
      version: number,
    };
    const isGone = found.destroyed || found.deletedAt !== undefined;
    return reply(response, isGone ? 404 : 200, { data: { data: isGone ? null : found.fields, metadata } });
  }

  function answerMetadata(response: ServerResponse, path: string): void {
    const versions = kept.get(path);
    if (versions === undefined) return reply(response, 404, { errors: [] });
    const listed = versions.map((one, index) => [
      String(index + 1),
      { created_time: one.madeAt.toISOString(), deletion_time: one.deletedAt?.toISOString() ?? "", destroyed: one.destroyed },
    ]);
    return reply(response, 200, { data: { current_version: versions.length, oldest_version: 1, versions: Object.fromEntries(listed) } });
  }

  async function listen(): Promise<void> {
    await new Promise<void>((resolve, reject) => {
      server.once("error", reject);
      server.listen(port, "127.0.0.1", resolve);
    });
    ({ port } = server.address() as AddressInfo);
  }

  async function stop(): Promise<void> {
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  }

  await listen();
  return {
    url: `${tls === undefined ? "http" : "https"}://127.0.0.1:${port}`,
    token,
    asked,
    put(path, fields) {
      const versions = kept.get(path) ?? [];
      versions.push({ fields, madeAt: new Date(), destroyed: false });
      kept.set(path, versions);
      return versions.length;
    },
    remove(path, version, forGood = false) {
      const found = kept.get(path)?.[version - 1];
      if (found === undefined) throw new Error(`There is no version ${version} of ${mount}/${path}.`);
      if (forGood) found.destroyed = true;
      else found.deletedAt = new Date();
    },
    seal() {
      isSealed = true;
    },
    unseal() {
      isSealed = false;
    },
    setTtl(seconds) {
      endsMs = Date.now() + seconds * 1_000;
    },
    ttlSeconds: ttl,
    replaceToken() {
      token = `hvs.${randomBytes(18).toString("base64url")}`;
      return token;
    },
    stop,
    async resume() {
      server = makeServer();
      await listen();
    },
    close: stop,
  };
}
