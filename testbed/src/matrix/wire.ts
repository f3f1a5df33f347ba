import { Agent, request } from "node:http";
import type { IncomingHttpHeaders } from "node:http";

/** What came back, read to its end; of a stream of events what came within the time given. */
export interface WireAnswer {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly body: string;
}

export interface WireRequest {
  readonly method: string;
  /** As it goes over the wire: nothing is encoded or mended. */
  readonly path: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string | Buffer | undefined;
}

/** An HTTP client that sends what it is given to the byte, over kept connections, from an address of its own. */
export interface Wire {
  send(what: WireRequest): Promise<WireAnswer>;
  close(): void;
}

/**
 * @param localAddress - Lets one machine be many (127.0.0.0/8).
 * @param streamMs - How long a stream of events is listened to.
 */
export function createWire(
  url: string,
  { localAddress = "127.0.0.1", streamMs = 150 }: { localAddress?: string; streamMs?: number } = {},
): Wire {
  const { hostname, port } = new URL(url);
  const agent = new Agent({ keepAlive: true, maxSockets: 64, localAddress });

  function once({ method, path, headers = {}, body }: WireRequest): Promise<WireAnswer> {
    return new Promise((resolve, reject) => {
      const length = body === undefined ? {} : { "content-length": String(Buffer.byteLength(body)) };
      const asked = request({ hostname, port, agent, method, path, headers: { ...headers, ...length } }, (answer) => {
        const parts: Buffer[] = [];
        const done = () =>
          resolve({ status: answer.statusCode ?? 0, headers: answer.headers, body: Buffer.concat(parts).toString("utf8") });
        answer.on("data", (part: Buffer) => parts.push(part));
        answer.once("end", done);
        answer.once("error", reject);
        if (answer.headers["content-type"]?.startsWith("text/event-stream") === true) {
          setTimeout(() => {
            answer.removeAllListeners("error").on("error", () => undefined);
            asked.destroy();
            done();
          }, streamMs);
        }
      });
      asked.setTimeout(60_000, () => asked.destroy(new Error(`${method} ${path} was not answered within a minute.`)));
      asked.once("error", reject);
      asked.end(body);
    });
  }

  return {
    // A kept connection may be closed by the server in the very moment it is used again: then, and only then, it is asked once more.
    send: (what) =>
      once(what).catch((error: NodeJS.ErrnoException) => {
        if (error.code === "ECONNRESET" || error.code === "EPIPE") return once(what);
        throw error;
      }),
    close: () => agent.destroy(),
  };
}
