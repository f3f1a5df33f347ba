import { createDecipheriv, createECDH, hkdfSync, randomBytes } from "node:crypto";
import type { ECDH } from "node:crypto";
import { createServer } from "node:http";
import type { Server } from "node:http";
import type { AddressInfo } from "node:net";

/** A message as the push service got it. */
export interface Pushed {
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  readonly body: Buffer;
}

/** What a message says to the service worker. */
export interface Shown {
  readonly id: string;
  readonly type: string;
  readonly title: string;
  readonly body: string;
  readonly path: string;
  readonly tag: string;
  readonly acknowledge?: string;
}

/** What a browser does with a message: RFC 8291 for the key, RFC 8188 for the one record. */
function decrypted(message: Buffer, own: ECDH, secret: Buffer): string {
  const salt = message.subarray(0, 16);
  const keyLength = message[20] ?? 0;
  const sender = message.subarray(21, 21 + keyLength);
  const record = message.subarray(21 + keyLength);
  const derive = (from: Uint8Array, salted: Uint8Array, info: Uint8Array, length: number) =>
    Buffer.from(hkdfSync("sha256", from, salted, info, length));
  const info = Buffer.concat([Buffer.from("WebPush: info\0"), own.getPublicKey(), sender]);
  const secretOfBoth = derive(own.computeSecret(sender), secret, info, 32);
  const key = derive(secretOfBoth, salt, Buffer.from("Content-Encoding: aes128gcm\0"), 16);
  const nonce = derive(secretOfBoth, salt, Buffer.from("Content-Encoding: nonce\0"), 12);
  const decipher = createDecipheriv("aes-128-gcm", key, nonce);
  decipher.setAuthTag(record.subarray(-16));
  const plain = Buffer.concat([decipher.update(record.subarray(0, -16)), decipher.final()]);
  // The delimiter of the last record, and padding behind it.
  return plain.subarray(0, plain.lastIndexOf(2)).toString("utf8");
}

/** A push service on loopback, and a browser that subscribed there: it alone can read what comes. */
export async function startPushService() {
  const caught: Pushed[] = [];
  let status = 201;
  const server: Server = createServer((request, response) => {
    const parts: Buffer[] = [];
    request.on("data", (part: Buffer) => parts.push(part));
    request.on("end", () => {
      caught.push({ headers: request.headers, body: Buffer.concat(parts) });
      response.writeHead(status).end();
    });
  });
  await new Promise<void>((ready) => server.listen(0, "127.0.0.1", ready));
  const { port } = server.address() as AddressInfo;
  const own = createECDH("prime256v1");
  own.generateKeys();
  const secret = randomBytes(16);
  return {
    caught,
    origin: `http://127.0.0.1:${port}`,
    subscription: {
      url: `http://127.0.0.1:${port}/send/abcdefghijk`,
      keys: { p256dh: own.getPublicKey().toString("base64url"), auth: secret.toString("base64url") },
    },
    answer(next: number) {
      status = next;
    },
    read: ({ body }: Pushed): Shown => JSON.parse(decrypted(body, own, secret)) as Shown,
    close: async () => new Promise((ended) => server.close(ended)),
  };
}
