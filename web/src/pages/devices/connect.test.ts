import { execFileSync } from "node:child_process";
import { createHmac } from "node:crypto";

import { claimRequest } from "@roost/contract/claim";
import { expect, it } from "vitest";

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

it("gives a claim command whose proof is the HMAC of id and nonce bytes, as a shell computes it", () => {
  const secret = "00112233445566778899aabbccddeeff".repeat(2);
  const { command } = connectCommands({ deviceId: "stall-1", claimSecret: secret, server: "http://roost.test" }).claim;
  // Runs the command as it stands, with a curl that shows the body instead of sending it.
  const shell = `curl() { while [ "$#" -gt 0 ]; do [ "$1" = -d ] && printf '%s\\n' "$2"; shift; done; }\n${command}`;
  const [body = ""] = execFileSync("sh", ["-c", shell], { encoding: "utf8" }).split("\n");
  const request = claimRequest.parse(JSON.parse(body));
  const proof = createHmac("sha256", Buffer.from(secret, "hex")).update("stall-1").update(Buffer.from(request.nonce, "hex")).digest("hex");
  expect(request.hmac_hex).toBe(proof);
  expect(request.device_id).toBe("stall-1");
});
