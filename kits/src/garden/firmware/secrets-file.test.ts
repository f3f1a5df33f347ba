import { describe, expect, it } from "vitest";
import { parse } from "yaml";

import { esphomeSecrets } from "./esphome.ts";
import { withSecrets } from "./secrets-file.ts";
import { aBuild, someSecrets } from "./test-node.ts";

describe("the household's secrets.yaml", () => {
  const entries = esphomeSecrets(aBuild(), someSecrets)[0]?.text ?? "";

  it("GA-40: takes a node's entries beside those of others, and in place of its own", () => {
    const old = 'wifi_ssid: "Home"\n# mine\nother_mqtt_password: "x"\n';
    const once = withSecrets(old, entries);
    expect(once.startsWith(old)).toBe(true);
    const newer = esphomeSecrets(aBuild(), { ...someSecrets, mqttPassword: "new" })[0]?.text ?? "";
    const twice = withSecrets(once, newer);
    expect(parse(twice)).toEqual({ ...(parse(old) as object), ...(parse(newer) as object) });
    expect(twice.match(/# Of node/g)).toHaveLength(1);
    expect(withSecrets(twice, newer)).toBe(twice);
    expect(withSecrets("", entries)).toBe(entries);
  });
});
