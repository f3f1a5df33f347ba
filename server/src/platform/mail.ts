import { isIP } from "node:net";

import { AppError } from "@roost/contract/errors";
import { mailErrors } from "@roost/contract/mail";

import { isLoopbackHost } from "./addresses.ts";
import { noteEffect } from "./effects.ts";
import type { Egress } from "./egress.ts";
import type { Log } from "./log.ts";

export interface MailOptions {
  /** `smtps://user:password@host` or, with STARTTLS, `smtp://user:password@host:587`. */
  readonly smtpUrl: string | undefined;
  /** Who mail comes from, such as `roost@example.org` or `Roost <roost@example.org>`. */
  readonly from: string | undefined;
  readonly egress: Pick<Egress, "resolveHost">;
  readonly log: Log;
  /** Certificate authorities trusted beside none but these; the built-in ones unless given. */
  readonly ca?: string | undefined;
}

/** One message to one person. */
export interface Letter {
  readonly to: string;
  readonly subject: string;
  readonly text: string;
  readonly html?: string | undefined;
  /** What stays the same when the same message is sent again: the part of its Message-ID before the `@`. */
  readonly id?: string | undefined;
}

/** The way out by mail. */
export interface Mail {
  /** False: nothing is configured, and `send` refuses. */
  readonly isOn: boolean;
  /**
   * Sends a message; done when the mail server has taken it.
   *
   * @throws {AppError} `mail.off`, `mail.bad_address`, `mail.bad_subject`, `mail.not_sent`, `egress.refused_address`, `egress.unreachable`
   */
  send(letter: Letter): Promise<void>;
}

interface SmtpServer {
  readonly host: string;
  readonly port: number;
  /** TLS from the first byte; else STARTTLS, and without it nothing is sent. */
  readonly isImplicitTls: boolean;
  /** `?tls=off`, to this machine itself alone. */
  readonly isPlain: boolean;
  readonly auth: { readonly user: string; readonly pass: string } | undefined;
}

const timeoutMs = 15_000;
// One address and nothing else: no list, no comment, no quoted part, so that nothing hides in it.
const addressForm = /^[A-Za-z0-9.!#$%&'*+/=?^_`{|}~-]{1,64}@(?:[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?\.)*[A-Za-z0-9-]{1,63}$/;

/**
 * Mail by SMTP over TLS.
 *
 * The server's address passes the rules for outgoing requests: a private one has to be allowed. Certificates are checked for its name.
 *
 * @throws {AppError} `config.invalid` for an address or a sender that cannot be read.
 */
export function createMail({ smtpUrl, from, egress, log, ca }: MailOptions): Mail {
  const faults: string[] = [];
  const server = smtpUrl === undefined ? undefined : readSmtpUrl(smtpUrl, faults);
  const sender = from === undefined ? undefined : readSender(from, faults);
  if (smtpUrl !== undefined && from === undefined) faults.push("ROOST_MAIL_FROM: is needed where ROOST_SMTP_URL is set");
  if (faults.length > 0)
    throw new AppError("config.invalid", 500, "The configuration has faults. Mend the variables named under details.", { faults });

  return {
    isOn: server !== undefined && sender !== undefined,
    async send({ to, subject, text, html, id }) {
      if (server === undefined || sender === undefined) throw mailErrors.off();
      if (!addressForm.test(to) || to.length > 254) throw mailErrors.bad_address();
      if (subject.length > 200 || /\p{Cc}/u.test(subject)) throw mailErrors.bad_subject();
      const [address] = await egress.resolveHost(server.host);
      if (address === undefined) throw mailErrors.not_sent();
      // Most installations start without ever sending a mail.
      const { createTransport } = await import("nodemailer");
      const transport = createTransport({
        // The address, not the name: nobody resolves a second time.
        host: address,
        port: server.port,
        secure: server.isImplicitTls,
        requireTLS: !server.isPlain,
        ignoreTLS: server.isPlain,
        ...(server.auth === undefined ? {} : { auth: server.auth }),
        tls: {
          rejectUnauthorized: true,
          minVersion: "TLSv1.2",
          ...(isIP(server.host) === 0 ? { servername: server.host } : {}),
          ...(ca === undefined ? {} : { ca }),
        },
        connectionTimeout: timeoutMs,
        greetingTimeout: timeoutMs,
        socketTimeout: timeoutMs,
        // A message is text we wrote: it reads no file and fetches no address.
        disableFileAccess: true,
        disableUrlAccess: true,
      });
      try {
        noteEffect();
        await transport.sendMail({
          from: sender,
          to: { name: "", address: to },
          subject,
          text,
          ...(html === undefined ? {} : { html }),
          ...(id === undefined ? {} : { messageId: `<${id}@${sender.address.split("@")[1] ?? "roost"}>` }),
          // So that no holiday answer comes back; the second is for Exchange.
          headers: { "Auto-Submitted": "auto-generated", "X-Auto-Response-Suppress": "All" },
        });
      } catch (cause) {
        log.warn({ err: cause }, "mail was not sent");
        throw mailErrors.not_sent({}, { cause });
      } finally {
        transport.close();
      }
    },
  };
}

function readSmtpUrl(text: string, faults: string[]): SmtpServer | undefined {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  if (url === undefined || !(url.protocol === "smtp:" || url.protocol === "smtps:") || url.hostname === "") {
    faults.push("ROOST_SMTP_URL: is not of the form smtps://user:password@host or smtp://user:password@host:587");
    return undefined;
  }
  const host = url.hostname.replace(/^\[(.*)\]$/, "$1");
  const isPlain = url.searchParams.get("tls") === "off";
  if (isPlain && (!isLoopbackHost(host) || url.protocol === "smtps:")) {
    faults.push("ROOST_SMTP_URL: tls=off is for a mail server on this machine alone");
    return undefined;
  }
  const isImplicitTls = url.protocol === "smtps:";
  return {
    host,
    port: url.port === "" ? (isImplicitTls ? 465 : isPlain ? 25 : 587) : Number(url.port),
    isImplicitTls,
    isPlain,
    auth: url.username === "" ? undefined : { user: decodeURIComponent(url.username), pass: decodeURIComponent(url.password) },
  };
}

function readSender(text: string, faults: string[]): { name: string; address: string } | undefined {
  const [, name = "", address = ""] = /^([^<>"\p{Cc}]{0,80}?)\s*<([^<>]+)>$/u.exec(text.trim()) ?? ["", "", text.trim()];
  if (addressForm.test(address)) return { name, address };
  faults.push("ROOST_MAIL_FROM: is neither an address nor of the form Roost <roost@example.org>");
  return undefined;
}
