import type { AddressInfo } from "node:net";

import { SMTPServer } from "smtp-server";

/** A message that the mailbox took. */
export interface CaughtMail {
  readonly from: string;
  readonly to: readonly string[];
  /** As it came over the wire. */
  readonly raw: string;
  /** Header lines, unfolded. */
  readonly headers: readonly string[];
  /** The body as a person reads it. */
  readonly text: string;
  /** It came over TLS. */
  readonly isSecure: boolean;
  /** Who sent it, where the server asked. */
  readonly user: string | undefined;
}

/** A real mail server on loopback that keeps what it gets. */
export interface Mailbox {
  readonly port: number;
  readonly caught: readonly CaughtMail[];
  /** Refuses the next messages at the end of their data, with this answer. */
  refuse(answer: string | undefined): void;
  close(): Promise<void>;
}

/**
 * Starts a mail server.
 *
 * @param tls - Key and certificate in PEM, for STARTTLS; without them it offers none.
 * @param login - Who may send; anybody unless given.
 */
export async function startMailbox({
  tls,
  isImplicitTls = false,
  login,
}: {
  tls?: { readonly key: string; readonly cert: string };
  isImplicitTls?: boolean;
  login?: { readonly user: string; readonly password: string };
} = {}): Promise<Mailbox> {
  const caught: CaughtMail[] = [];
  let refusal: string | undefined;
  const server = new SMTPServer({
    ...(tls === undefined ? { hideSTARTTLS: true } : tls),
    secure: isImplicitTls,
    authOptional: login === undefined,
    disabledCommands: login === undefined ? ["AUTH"] : [],
    logger: false,
    onAuth({ username, password }, _session, done) {
      if (username === login?.user && password === login?.password) done(null, { user: username });
      else done(new Error("535 wrong"));
    },
    onData(stream, session, done) {
      const parts: Buffer[] = [];
      stream.on("data", (part: Buffer) => parts.push(part));
      stream.on("end", () => {
        if (refusal !== undefined) {
          done(new Error(refusal));
          return;
        }
        const raw = Buffer.concat(parts).toString("utf8");
        const { mailFrom, rcptTo } = session.envelope;
        caught.push({
          from: mailFrom === false ? "" : mailFrom.address,
          to: rcptTo.map((one) => one.address),
          raw,
          ...readMail(raw),
          isSecure: session.secure,
          user: typeof session.user === "string" ? session.user : undefined,
        });
        done();
      });
    },
  });
  // Clients that do not trust the certificate hang up; the test looks at the client.
  server.on("error", () => undefined);
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return {
    port: (server.server.address() as AddressInfo).port,
    caught,
    refuse(answer) {
      refusal = answer;
    },
    close: () => new Promise((resolve) => server.close(resolve)),
  };
}

function readMail(raw: string): { headers: string[]; text: string } {
  const [head = "", ...rest] = raw.split("\r\n\r\n");
  const headers = head.replaceAll(/\r\n[ \t]+/g, " ").split("\r\n");
  const body = rest.join("\r\n\r\n");
  const encoding = headers
    .find((line) => /^content-transfer-encoding:/i.test(line))
    ?.split(":")[1]
    ?.trim();
  if (encoding === "base64") return { headers, text: Buffer.from(body, "base64").toString("utf8") };
  return { headers, text: encoding === "quoted-printable" ? readQuotedPrintable(body) : body };
}

function readQuotedPrintable(text: string): string {
  const bytes = text
    .replaceAll(/=\r\n/g, "")
    .replaceAll(/=([0-9A-F]{2})/gi, (_, hex: string) => String.fromCharCode(Number.parseInt(hex, 16)));
  return Buffer.from(bytes, "latin1").toString("utf8");
}
