import { chmodSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { afterEach, beforeEach, describe, expect, it } from "vitest";

import { findAccess, readAddress, readSettings, settingsFile, writeSettings } from "./settings.ts";

describe("settings", () => {
  let home: string;
  let file: string;
  beforeEach(() => {
    home = mkdtempSync(join(tmpdir(), "roost-cli-"));
    file = settingsFile({ HOME: home });
  });
  afterEach(() => rmSync(home, { recursive: true }));

  it("are kept where only this user reads them, also when the file was open before", () => {
    expect(file).toBe(join(home, ".config/roost/cli.json"));
    expect(settingsFile({ HOME: home, XDG_CONFIG_HOME: "/etc/x" })).toBe("/etc/x/roost/cli.json");
    writeSettings(file, { url: "http://127.0.0.1:8080", token: "t" });
    chmodSync(file, 0o644);
    expect(() => readSettings(file)).toThrow(expect.objectContaining({ code: "cli.open_settings" }));
    writeSettings(file, { url: "http://127.0.0.1:8080", token: "t2" });
    expect(statSync(file).mode & 0o777).toBe(0o600);
    expect(readSettings(file)).toMatchObject({ token: "t2" });
    expect(readFileSync(file, "utf8")).toContain("t2");
  });

  it("are told as damaged when they cannot be read, never as absent", () => {
    expect(readSettings(file)).toBeUndefined();
    writeSettings(file, { url: "u", token: "t" });
    writeFileSync(file, "{");
    expect(() => readSettings(file)).toThrow(expect.objectContaining({ code: "cli.bad_settings" }));
  });

  it("give way to the environment, and a kept token goes to no other address than its own", () => {
    writeSettings(file, { url: "http://127.0.0.1:8080", token: "kept" });
    const env = { HOME: home };
    expect(findAccess(env, {})).toEqual({ url: "http://127.0.0.1:8080", token: "kept" });
    expect(findAccess({ ...env, ROOST_TOKEN: "given" }, {})).toEqual({ url: "http://127.0.0.1:8080", token: "given" });
    expect(findAccess({ ...env, ROOST_URL: "https://roost.example.org/", ROOST_TOKEN: "given" }, {})).toEqual({
      url: "https://roost.example.org",
      token: "given",
    });
    expect(findAccess({ ...env, ROOST_URL: "http://127.0.0.1:8080/" }, {}).token).toBe("kept");
    expect(() => findAccess({ ...env, ROOST_URL: "https://roost.example.org" }, {})).toThrow(
      expect.objectContaining({ code: "cli.no_token" }),
    );
    expect(() => findAccess(env, { url: "https://evil.example" })).toThrow(expect.objectContaining({ code: "cli.no_token" }));
    writeFileSync(join(home, "token"), "from-file\n");
    expect(findAccess({ ...env, ROOST_TOKEN_FILE: join(home, "token") }, {}).token).toBe("from-file");
  });

  it("say what is missing", () => {
    expect(() => findAccess({ HOME: home }, {})).toThrow(expect.objectContaining({ code: "cli.no_address" }));
    expect(() => findAccess({ HOME: home, ROOST_URL: "http://127.0.0.1" }, {})).toThrow(expect.objectContaining({ code: "cli.no_token" }));
    for (const bad of ["roost", "ftp://roost", "localhost:8080", "//x"]) {
      expect(() => readAddress(bad)).toThrow(expect.objectContaining({ code: "cli.bad_address" }));
    }
  });
});
