import { startMailbox } from "@roost/testbed/mailbox";
import type { Mailbox } from "@roost/testbed/mailbox";
import { afterEach, beforeAll, describe, expect, it } from "vitest";

import { issueAuthority, issueServer } from "./certificate-issue.ts";
import type { KeyPair } from "./certificate-issue.ts";
import { createEgress } from "./egress.ts";
import { createLog } from "./log.ts";
import { createMail } from "./mail.ts";

const lines: string[] = [];
const log = createLog({ level: "debug", pretty: false, destination: { write: (line: string) => void lines.push(line) } });
const resolve = async () => ["127.0.0.1"];
const egress = createEgress({ allow: ["127.0.0.0/8"], resolve });
const from = "Roost <roost@example.org>";
const letter = { to: "keeper@example.org", subject: "Grüße vom Hof", text: "Ein Fuchs: https://roost.example.org/alarms?x=1&y=2\n" };

let authority: KeyPair;
let server: KeyPair;
beforeAll(async () => {
  authority = await issueAuthority(Date.now());
  server = await issueServer(authority, [{ type: "dns", value: "mail.lan" }], Date.now());
});

describe("mail", () => {
  let box: Mailbox | undefined;
  afterEach(async () => {
    await box?.close();
    box = undefined;
  });
  const tls = () => ({ key: server.keyPem, cert: server.certPem });

  it("is off in words where nothing is configured", async () => {
    const mail = createMail({ smtpUrl: undefined, from: undefined, egress, log });
    expect(mail.isOn).toBe(false);
    await expect(mail.send(letter)).rejects.toMatchObject({ code: "mail.off" });
  });

  it("goes over STARTTLS with a name and password, to a server whose certificate was checked", async () => {
    box = await startMailbox({ tls: tls(), login: { user: "roost", password: "p@ss word" } });
    const smtpUrl = `smtp://roost:${encodeURIComponent("p@ss word")}@mail.lan:${box.port}`;
    const mail = createMail({ smtpUrl, from, egress, log, ca: authority.certPem });
    await mail.send({ ...letter, html: "<p>Ein Fuchs</p>" });
    await mail.send(letter);
    const [first, second] = box.caught;
    expect(first).toMatchObject({ from: "roost@example.org", to: ["keeper@example.org"], isSecure: true, user: "roost" });
    expect(first?.raw).toContain("<p>Ein Fuchs</p>");
    expect(second?.text).toContain("Ein Fuchs: https://roost.example.org/alarms?x=1&y=2");
    expect(second?.headers).toContain("Auto-Submitted: auto-generated");
    expect(second?.headers.find((line) => line.startsWith("From:"))).toBe("From: Roost <roost@example.org>");
  });

  it("goes over TLS from the first byte", async () => {
    box = await startMailbox({ tls: tls(), isImplicitTls: true });
    const mail = createMail({ smtpUrl: `smtps://mail.lan:${box.port}`, from, egress, log, ca: authority.certPem });
    await mail.send(letter);
    expect(box.caught.map((one) => one.isSecure)).toEqual([true]);
  });

  it("sends nothing without TLS, to a stranger's certificate, or by another name", async () => {
    box = await startMailbox();
    const plain = createMail({ smtpUrl: `smtp://mail.lan:${box.port}`, from, egress, log, ca: authority.certPem });
    await expect(plain.send(letter)).rejects.toMatchObject({ code: "mail.not_sent" });
    expect(box.caught).toEqual([]);
    await box.close();
    box = await startMailbox({ tls: tls() });
    const stranger = createMail({ smtpUrl: `smtp://mail.lan:${box.port}`, from, egress, log });
    const misnamed = createMail({ smtpUrl: `smtp://other.lan:${box.port}`, from, egress, log, ca: authority.certPem });
    for (const mail of [stranger, misnamed]) await expect(mail.send(letter)).rejects.toMatchObject({ code: "mail.not_sent" });
    expect(box.caught).toEqual([]);
  });

  it("S10: does not connect to a private address that nobody allowed", async () => {
    box = await startMailbox({ tls: tls() });
    const mail = createMail({ smtpUrl: `smtp://mail.lan:${box.port}`, from, egress: createEgress({ allow: [], resolve }), log });
    await expect(mail.send(letter)).rejects.toMatchObject({ code: "egress.refused_address" });
  });

  it("takes one plain address and one line of subject: nothing can be added to a message by what a person typed", async () => {
    box = await startMailbox();
    const mail = createMail({ smtpUrl: `smtp://127.0.0.1:${box.port}?tls=off`, from, egress, log });
    const bad = [
      "a@b.org\r\nBcc: c@d.org",
      "a@b.org,c@d.org",
      "a@b.org;c@d.org",
      "A <a@b.org>",
      '"a b"@c.org',
      "a@b.org\n",
      "a@",
      "a b@c.org",
    ];
    for (const to of bad) await expect(mail.send({ ...letter, to })).rejects.toMatchObject({ code: "mail.bad_address" });
    for (const subject of ["Hi\r\nBcc: c@d.org", "Hi\nX: y", "x".repeat(201), "Hi\u0000"])
      await expect(mail.send({ ...letter, subject })).rejects.toMatchObject({ code: "mail.bad_subject" });
    await mail.send({ ...letter, text: "Body\r\n.\r\nMAIL FROM:<x@y.org>\r\nBcc: c@d.org" });
    expect(box.caught.map((one) => one.to)).toEqual([["keeper@example.org"]]);
  });

  it("says that a message was not taken, and logs no secret of it", async () => {
    box = await startMailbox({ tls: tls(), login: { user: "roost", password: "right-and-long-password" } });
    const smtpUrl = `smtp://roost:wrong-and-long-password@mail.lan:${box.port}`;
    await expect(createMail({ smtpUrl, from, egress, log, ca: authority.certPem }).send(letter)).rejects.toMatchObject({
      code: "mail.not_sent",
    });
    expect(lines.join("")).not.toContain("wrong-and-long-password");
    expect(lines.join("")).toContain("mail was not sent");
  });

  it("names what is wrong with its configuration", () => {
    const faultOf = (smtpUrl: string | undefined, sender: string | undefined) => {
      try {
        return createMail({ smtpUrl, from: sender, egress, log }).isOn;
      } catch (error) {
        return (error as { details: { faults: string[] } }).details.faults.map((fault) => fault.split(":")[0]);
      }
    };
    expect(faultOf("https://mail.lan", from)).toEqual(["ROOST_SMTP_URL"]);
    expect(faultOf("smtp://mail.lan:25?tls=off", from)).toEqual(["ROOST_SMTP_URL"]);
    expect(faultOf("smtps://mail.lan", "Roost\r\nBcc: x@y.org")).toEqual(["ROOST_MAIL_FROM"]);
    expect(faultOf("smtps://mail.lan", undefined)).toEqual(["ROOST_MAIL_FROM"]);
    expect(faultOf("smtps://mail.lan", "roost@example.org")).toBe(true);
  });
});
