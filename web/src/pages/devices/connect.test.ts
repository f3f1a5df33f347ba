import { execFileSync } from "node:child_process";
import { createHash, createHmac, X509Certificate } from "node:crypto";
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { claimRequest } from "@roost/contract/claim";
import { afterAll, beforeAll, describe, expect, it } from "vitest";

import { connectCommands, suggestId } from "./connect.ts";

it("makes an id of a name, and none where too little is left", () => {
  expect(["Greenhouse north!", "Süd-Stall №1", "  a ", "日本", `${"x".repeat(63)} y`].map(suggestId)).toEqual([
    "greenhouse-north",
    "sud-stall-no1",
    "",
    "",
    "x".repeat(63),
  ]);
});

const secret = "00112233445566778899aabbccddeeff".repeat(2);
const labelOf = (server: string, ca?: string) =>
  `roost:claim?${new URLSearchParams({ server, device: "stall-1", secret, ...(ca === undefined ? {} : { ca }) }).toString()}`;

it("gives a claim command whose proof is the HMAC of id and nonce bytes, as a shell computes it", () => {
  const { command } = connectCommands({ deviceId: "stall-1", claimUri: labelOf("http://roost.test") }).claim;
  // Runs the command as it stands, with a curl that shows the body instead of sending it.
  const shell = `curl() { while [ "$#" -gt 0 ]; do [ "$1" = -d ] && printf '%s\\n' "$2"; shift; done; }\n${command}`;
  const [body = ""] = execFileSync("sh", ["-c", shell], { encoding: "utf8" }).split("\n");
  const request = claimRequest.parse(JSON.parse(body));
  const proof = createHmac("sha256", Buffer.from(secret, "hex")).update("stall-1").update(Buffer.from(request.nonce, "hex")).digest("hex");
  expect(request.hmac_hex).toBe(proof);
  expect(request.device_id).toBe("stall-1");
});

describe("the claim command for an address of Roost's own authority", () => {
  const folder = mkdtempSync(join(tmpdir(), "roost-connect-"));
  const made: string[] = [];
  beforeAll(() => {
    for (const name of ["own", "other"]) {
      const args = ["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-subj", "/CN=Roost", "-days", "9"];
      execFileSync("openssl", [...args, "-keyout", join(folder, "key.pem"), "-out", join(folder, `${name}.pem`)], { stdio: "ignore" });
      made.push(readFileSync(join(folder, `${name}.pem`), "utf8"));
    }
  });
  afterAll(() => rmSync(folder, { recursive: true }));

  /** Runs the command with a curl that gives out `answer` as ca.pem, and notes the other calls; answers what it wrote. */
  function run(answer: string) {
    const ca = createHash("sha256")
      .update(new X509Certificate(made[0] ?? "").raw)
      .digest("base64url");
    const { claim, http, agent } = connectCommands({ deviceId: "stall-1", claimUri: labelOf("https://192.0.2.20:8443", ca) });
    writeFileSync(join(folder, "answer.pem"), answer);
    rmSync(join(folder, "ca.pem"), { force: true });
    const shell = `curl() { case "$2" in */api/v1/ca.pem) cat answer.pem;; *) printf '%s ' "$@" >> calls;; esac; }\n${claim.command}`;
    const output = execFileSync("sh", ["-c", shell], { encoding: "utf8", cwd: folder });
    return { output, http, agent, kept: existsSync(join(folder, "ca.pem")) ? readFileSync(join(folder, "ca.pem"), "utf8") : undefined };
  }

  it("keeps the authority that the label names, that one alone, and claims and sends trusting nothing else", () => {
    const { output, kept, http, agent } = run(`${made[0]}${made[1]}`);
    expect(kept?.trim()).toBe(made[0]?.trim());
    expect(output).not.toContain("STOP");
    expect(readFileSync(join(folder, "calls"), "utf8")).toContain("--cacert ca.pem https://192.0.2.20:8443/api/v1/devices/claim ");
    expect(http.command).toContain("curl -fsS --cacert ca.pem ");
    expect(agent.command).toContain("&ca=");
  });

  it("throws another authority away and says so", () => {
    const { output, kept } = run(`${made[1]}${made[0]}`);
    expect([output.includes("STOP"), kept]).toEqual([true, undefined]);
  });

  it("asks the system's own authorities where the label names none", () => {
    const { claim, http } = connectCommands({ deviceId: "stall-1", claimUri: labelOf("https://roost.example.org") });
    expect(claim.command + http.command).not.toMatch(/cacert|-fsSk/);
  });
});
