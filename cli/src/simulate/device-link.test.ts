import { createServer } from "node:net";
import type { AddressInfo } from "node:net";

import type { ClaimReply } from "@roost/contract/claim";
import { deviceTopics } from "@roost/contract/topics";
import { expect, it } from "vitest";

import { connectDevice } from "./device-link.ts";

it("GA-45: a simulated device that knocks in vain counts what the door refused, and not that there was no door", async () => {
  let calls = 0;
  const nobody = createServer((socket) => {
    calls += 1;
    socket.on("error", () => undefined).resetAndDestroy();
  });
  await new Promise<void>((resolve) => nobody.listen(0, "127.0.0.1", resolve));
  const { port } = nobody.address() as AddressInfo;
  const credentials = {
    mqtt: { host: "127.0.0.1", port, username: "coop-1", password: "roost_dev_nothing", client_id: "coop-1" },
    ca_pem: "",
    topics: { status: deviceTopics("coop-1").status },
  } as ClaimReply;
  const link = connectDevice({ credentials, firmwareVersion: "1.0.0", random: () => 0 });
  const knocking = link.knockInVain();
  // The device and who knocks, twice each.
  await expect.poll(() => calls).toBeGreaterThanOrEqual(4);
  expect(await knocking.end()).toBe(0);
  await link.close({ graceful: false });
  await new Promise((resolve) => nobody.close(resolve));
});
