import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { login } from "@roost/contract/auth";
import { addDevice } from "@roost/contract/devices";
import { addSite } from "@roost/contract/organisations";
import { listRoutes } from "@roost/contract/routing";
import { setUpAdministrator } from "@roost/testbed/people";
import type { Administrator } from "@roost/testbed/people";
import { createDataDir, startServer } from "@roost/testbed/server-process";
import type { ServerProcess } from "@roost/testbed/server-process";
import { afterAll, beforeAll, describe, expect, it } from "vitest";

import { runHere } from "../test-program.ts";

const home = mkdtempSync(join(tmpdir(), "roost-cli-apply-"));
const file = join(home, "alarms.yaml");

const whole = (email: string) => `version: 1
targets:
  - name: Chat
    kind: webhook
    url: \${ROOST_TARGET_CHAT}
    minSeverity: warning
  - name: NOC desk
    kind: webhook
    url: \${ROOST_TARGET_CHAT}
    hears: tickets
schedules:
  - name: Nights
    timeZone: Europe/Berlin
    handOverTime: "08:00"
    shift: weekly
    startsOn: 2026-01-05
    people: [${email}]
chains:
  - name: Wake somebody
    steps:
      - afterMinutes: 0
        to: [{ schedule: Nights }]
      - afterMinutes: 10
        to: [{ target: Chat }]
routes:
  - name: Critical
    match: { minSeverity: critical, sites: [North] }
    to: [{ chain: Wake somebody }]
  - name: Everything else
    match: {}
    to: [{ target: Chat }]
windows:
  - title: Patching
    plan: { kind: recurring, rrule: FREQ=WEEKLY;BYDAY=SU, durationSeconds: 3600, zone: Europe/Berlin }
    scope: { sites: [North] }
rules:
  - name: Either
    scope: { everything: true }
    condition: { kind: composite, any: [Hot, Silent] }
  - name: Hot
    scope: { device: olt-1 }
    condition: { kind: threshold, metric: temperature, above: 60, hysteresis: 5 }
    severity: critical
  - name: Silent
    scope: { site: North }
    condition: { kind: no_data, afterSeconds: 600 }
`;

describe("roost apply and roost export against a running server", () => {
  const data = createDataDir();
  let server: ServerProcess;
  let keeper: Administrator;
  let env: Record<string, string>;

  const roost = (...args: string[]) => runHere(args, env);
  async function apply(text: string, ...more: string[]) {
    writeFileSync(file, text);
    return roost("apply", "-f", file, ...more);
  }
  /** What a file would do, as `change rule Hot`. */
  async function planned(text: string, ...more: string[]): Promise<string[]> {
    const { code, out, err } = await apply(text, "-o", "json", ...more);
    expect([code, err.replace(/^(?:Nothing was changed|\d+ more).*\n/gm, "")]).toEqual([0, ""]);
    const { plan } = JSON.parse(out) as { plan: { what: string; noun: string; name: string }[] };
    return plan.map(({ what, noun, name }) => `${what} ${noun} ${name}`);
  }

  beforeAll(async () => {
    server = await startServer({ dataDir: data.dataDir, env: { ROOST_EGRESS_ALLOW: "127.0.0.1" } });
    keeper = await setUpAdministrator(server);
    await keeper.call(addSite, { body: { name: "North" } });
    await keeper.call(addDevice, { body: { id: "olt-1", name: "olt-1" } });
    const { access_token } = await keeper.call(login, { body: { username: keeper.email, password: keeper.password } });
    env = { HOME: home, ROOST_URL: server.ready.url, ROOST_TOKEN: access_token, ROOST_TARGET_CHAT: "http://127.0.0.1:9/hook" };
  });
  afterAll(async () => {
    await server.terminate();
    data.remove();
    rmSync(home, { recursive: true, force: true });
  });

  it("shows the plan first, does it with --yes, and has nothing to do the second time", async () => {
    const text = whole(keeper.email);
    expect(await planned(text)).toEqual([
      "add target Chat",
      "add target NOC desk",
      "add on-call schedule Nights",
      "add escalation chain Wake somebody",
      "add route Critical",
      "add route Everything else",
      "add window Patching",
      "add rule Hot",
      "add rule Silent",
      "add rule Either",
    ]);
    const done = await apply(text, "--yes");
    expect([done.code, done.err]).toEqual([
      0,
      expect.stringMatching(/Chat signs with .*\n.*NOC desk signs with .* \(shown once\)\.\nDone: 10 of 10\.\n/),
    ]);
    expect(await planned(text)).toEqual([]);
    expect((await apply(text, "--yes")).out).toBe("Nothing to do: all is as the file says.\n");
  });

  it("shows what changes field by field, in the order of the file, and what else is there", async () => {
    const text = whole(keeper.email)
      .replace("above: 60", "above: 65")
      .replace(/ {2}- name: Critical[\s\S]*?(?= {2}- name: Everything)/, "")
      .replace("sites: [North] }\nrules", "sites: [North], kinds: [offline] }\nrules");
    const { out, err, code } = await apply(text);
    expect([code, out.trim().split("\n").length]).toEqual([0, 3]);
    expect(out).toMatch(/~ change\s+rule\s+Hot\s+\d+\s+condition\.above: 60 -> 65/);
    expect(out).toMatch(/~ change\s+window\s+Patching\s+\d+\s+scope\.kinds: none -> \["offline"\]/);
    expect(err).toBe("1 more are here and not in the file; --prune removes them.\nNothing was changed. --yes does it.\n");
    expect(await planned(text, "--prune")).toContain("remove route Critical");
    expect((await apply(text, "--prune", "--yes")).code).toBe(0);
    expect(await planned(text, "--prune")).toEqual([]);
    // Back again, and before the other as the file has them.
    const again = whole(keeper.email);
    expect(await planned(again)).toContain("order routes Critical, Everything else");
    expect((await apply(again, "--yes")).code).toBe(0);
    expect((await keeper.call(listRoutes, {})).items.map(({ name }) => name)).toEqual(["Critical", "Everything else"]);
    expect(await planned(again)).toEqual([]);
  });

  it("gives out what it takes in: an export is a file with nothing to do, and holds no secret", async () => {
    const { out, code } = await roost("export");
    expect(code).toBe(0);
    expect(out).not.toContain("127.0.0.1:9");
    expect(out).toContain("url: ${ROOST_TARGET_CHAT_URL}");
    expect(out).toContain(keeper.email);
    expect(await planned(out)).toEqual([]);
    expect((await roost("export", "rules")).out).toMatch(/^version: 1\nrules:\n {2}- name: Hot\n/);
  });

  it("names the line of what is wrong and changes nothing: exit 2 for the file, 1 for what the server refuses", async () => {
    const said = async (text: string, ...more: string[]) => {
      const { code, err } = await apply(text, ...more);
      return `${code} ${/line: (\d+)/.exec(err)?.[1]} ${/because: (.*)/.exec(err)?.[1] ?? err}`;
    };
    expect(await said("rules:\n  - name: A\n    scope: { site: Nowhere }\n    condition: { kind: offline }\n")).toBe(
      "2 3 there is no site called Nowhere",
    );
    expect(
      await said("rules:\n  - name: A\n    scope: { everything: true }\n    condition:\n      kind: threshold\n      metric: 5\n"),
    ).toMatch(/^2 6 condition\.metric: /);
    expect(await said("chickens: []\n")).toMatch(/^2 1 there is no chickens/);
    expect(await said("targets:\n  - name: New\n    kind: webhook\n    url: ${ROOST_TARGET_NEW}\n", "--yes")).toMatch(
      /^2 2 ROOST_TARGET_NEW is not set/,
    );
    const refused = await apply(
      "rules:\n  - name: A\n    scope: { everything: true }\n    condition: { kind: threshold, metric: t, above: 1, below: 2 }\n",
      "--yes",
    );
    expect([refused.code, refused.err]).toEqual([1, expect.stringMatching(/rules\.without_limit[\s\S]*line: 2/)]);
    expect(await planned(whole(keeper.email), "--prune")).toEqual([]);
  });
});
