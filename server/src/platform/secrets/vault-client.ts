import { isAppError } from "@roost/contract/errors";
import { secretErrors } from "@roost/contract/secrets";
import { z } from "zod";

import type { Egress, EgressAnswer } from "../egress.ts";

export interface VaultOptions {
  /** Of OpenBao or Vault, without a path. */
  readonly url: string;
  /** Asked for at every request: a token in a file may be replaced while we run. */
  readonly token: () => string;
  readonly namespace?: string | undefined;
  /** Where the KV engine of version 2 is mounted. */
  readonly mount: string;
  readonly path: string;
  readonly egress: Egress;
}

/** One version of what is kept at the path. */
export interface VaultVersion {
  readonly version: number;
  readonly madeAt: Date;
  readonly fields: Readonly<Record<string, string>>;
}

const kvAnswer = z.object({
  data: z.object({
    data: z.record(z.string(), z.unknown()),
    metadata: z.object({ version: z.int(), created_time: z.string() }),
  }),
});
const kvMetadata = z.object({
  data: z.object({ versions: z.record(z.string(), z.object({ deletion_time: z.string(), destroyed: z.boolean() })) }),
});
const tokenAnswer = z.object({ data: z.object({ ttl: z.number(), renewable: z.boolean() }) });
const renewAnswer = z.object({ auth: z.object({ lease_duration: z.number(), renewable: z.boolean() }) });
const sealAnswer = z.object({ sealed: z.boolean() });

/**
 * Speaks KV version 2 with OpenBao or Vault. It reads and lists; of writing it knows nothing, so a policy of `read` and `list` is enough.
 *
 * Every failure is one of `secrets.sealed`, `secrets.store_unreachable`, `secrets.store_denied`, `secrets.store_missing`.
 */
export function createVaultClient({ url, token, namespace, mount, path, egress }: VaultOptions) {
  const base = url.replace(/\/+$/, "");

  async function ask(method: "GET" | "POST", address: string): Promise<EgressAnswer> {
    const headers = {
      "x-vault-token": token(),
      "x-vault-request": "true",
      ...(namespace === undefined ? {} : { "x-vault-namespace": namespace }),
    };
    try {
      return await egress.request({ url: `${base}/v1/${address}`, method, headers, ...(method === "POST" ? { body: "{}" } : {}) });
    } catch (cause) {
      throw secretErrors.store_unreachable(isAppError(cause) ? { because: cause.code } : {}, { cause });
    }
  }

  async function judge(answer: EgressAnswer): Promise<void> {
    if (answer.status >= 200 && answer.status < 300) return;
    if (answer.status === 403 || answer.status === 401) throw secretErrors.store_denied({ status: answer.status });
    if (answer.status === 404) throw secretErrors.store_missing({ mount, path });
    // 503 is sealed, or a node that has no leader just now: the seal's own status tells which.
    if (answer.status === 503 && (await isSealed())) throw secretErrors.sealed();
    throw secretErrors.store_unreachable({ status: answer.status });
  }

  async function isSealed(): Promise<boolean> {
    const answer = await ask("GET", "sys/seal-status");
    return answer.status === 200 && readAs(sealAnswer, answer).sealed;
  }

  async function get<Shape extends z.ZodType>(shape: Shape, address: string): Promise<z.output<Shape>> {
    const answer = await ask("GET", address);
    await judge(answer);
    return readAs(shape, answer);
  }

  return {
    /** What is kept at the path: the newest version, or the one asked for. */
    async read(version?: number): Promise<VaultVersion> {
      const query = version === undefined ? "" : `?version=${version}`;
      const { data } = await get(kvAnswer, `${mount}/data/${path}${query}`);
      const fields = Object.entries(data.data).filter((entry): entry is [string, string] => typeof entry[1] === "string");
      return { version: data.metadata.version, madeAt: new Date(data.metadata.created_time), fields: Object.fromEntries(fields) };
    },

    /** Versions that can still be read, newest first. */
    async versions(): Promise<number[]> {
      const { data } = await get(kvMetadata, `${mount}/metadata/${path}`);
      return Object.entries(data.versions)
        .filter(([, { deletion_time: deleted, destroyed }]) => deleted === "" && !destroyed)
        .map(([version]) => Number(version))
        .sort((a, b) => b - a);
    },

    /** How long our token lives: seconds, 0 for ever. */
    async lookUpToken(): Promise<{ ttlSeconds: number; renewable: boolean }> {
      const { data } = await get(tokenAnswer, "auth/token/lookup-self");
      return { ttlSeconds: data.ttl, renewable: data.renewable };
    },

    /** Asks for a new span of life. */
    async renewToken(): Promise<{ ttlSeconds: number; renewable: boolean }> {
      const answer = await ask("POST", "auth/token/renew-self");
      await judge(answer);
      const { auth } = readAs(renewAnswer, answer);
      return { ttlSeconds: auth.lease_duration, renewable: auth.renewable };
    },

    isSealed,
  };
}

export type VaultClient = ReturnType<typeof createVaultClient>;

function readAs<Shape extends z.ZodType>(shape: Shape, answer: EgressAnswer): z.output<Shape> {
  try {
    return shape.parse(JSON.parse(answer.text));
  } catch {
    // The cause would carry what the store answered, and that may be a secret.
    throw secretErrors.store_unreachable({ because: "answer" });
  }
}
