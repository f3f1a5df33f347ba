import { request } from "node:https";

import { getSession, signIn, signOut } from "@roost/contract/auth";
import { afterAll, beforeAll, describe, expect, it } from "vitest";

import { makeCertificate } from "../../platform/mqtt/test-door.ts";
import { password, startInstallation } from "./test-people.ts";
import type { Installation } from "./test-people.ts";

const account = { email: "keeper@example.org", password };

describe("a browser that comes with and without TLS to the same host", () => {
  let home: Installation;
  let ca: string;
  beforeAll(async () => {
    const tls = await makeCertificate();
    ca = tls.cert;
    home = await startInstallation({ tls });
    await home.setUp();
  });
  afterAll(async () => home.close());

  async function byTls(method: string, path: string, headers: Record<string, string> = {}, body?: object) {
    return new Promise<{ status: number; lines: string[] }>((resolve, reject) => {
      const sent = request(
        {
          host: "127.0.0.1",
          port: home.httpsPort,
          servername: "localhost",
          ca,
          method,
          path,
          headers: { "content-type": "application/json", ...headers },
        },
        (answer) => {
          answer.resume();
          answer.on("end", () => resolve({ status: answer.statusCode ?? 0, lines: answer.headers["set-cookie"] ?? [] }));
        },
      );
      sent.on("error", reject);
      sent.end(body === undefined ? undefined : JSON.stringify(body));
    });
  }
  const pairs = (lines: readonly string[]) => lines.map((line) => line.split(";")[0]).join("; ");

  it("gets cookies for TLS alone by TLS, and plain ones without, under names that cannot stand in each other's way", async () => {
    const secure = await byTls("POST", signIn.path, {}, account);
    expect(secure.status).toBe(200);
    expect(secure.lines.length).toBeGreaterThan(0);
    for (const line of secure.lines) {
      expect(line).toMatch(/^__Host-roost_/);
      for (const part of ["Secure", "HttpOnly", "Path=/", "SameSite=Lax"]) expect(line).toContain(part);
      expect(line).not.toContain("Domain");
    }
    const plain = (await home.post(signIn.path, account)).headers.getSetCookie();
    for (const line of plain) expect(line).toMatch(/^roost_[a-z]+=(?!.*Secure)/);

    // One jar for all ports of a host: a browser sends both by TLS, and only the plain ones without.
    const jar = `${pairs(plain)}; ${pairs(secure.lines)}`;
    expect((await byTls("GET", getSession.path, { cookie: jar })).status).toBe(200);
    expect((await home.get(getSession.path, { cookie: pairs(plain) })).status).toBe(200);
    // What a page without TLS can put into the jar says nothing by TLS.
    expect((await byTls("GET", getSession.path, { cookie: pairs(plain) })).status).toBe(401);
  });

  it("is signed out where it signed out, and stays signed in on the other way", async () => {
    const secure = pairs((await byTls("POST", signIn.path, {}, account)).lines);
    const plain = pairs((await home.post(signIn.path, account)).headers.getSetCookie());
    const ended = await byTls("POST", signOut.path, { cookie: `${plain}; ${secure}` }, {});
    expect(ended.status).toBe(204);
    expect(ended.lines).toEqual([expect.stringMatching(/^__Host-roost_session=; Max-Age=0; .*Secure/)]);
    expect((await byTls("GET", getSession.path, { cookie: secure })).status).toBe(401);
    expect((await home.get(getSession.path, { cookie: plain })).status).toBe(200);
  });
});
