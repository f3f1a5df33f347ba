import fc from "fast-check";
import { describe, expect, it } from "vitest";

import { patternOf } from "./syslog-alarms.ts";
import { createFraming, longestMessage, parseSyslog } from "./syslog.ts";

const read = (text: string) => parseSyslog(Buffer.from(text));

describe("messages of syslog", () => {
  it("are read in the form of RFC 5424, with its own examples", () => {
    expect(
      read("<34>1 2003-10-11T22:14:15.003Z mymachine.example.com su - ID47 - \uFEFF'su root' failed for lonvick on /dev/pts/8"),
    ).toEqual({
      facility: 4,
      severity: 2,
      at: new Date("2003-10-11T22:14:15.003Z"),
      host: "mymachine.example.com",
      app: "su",
      processId: undefined,
      messageId: "ID47",
      data: {},
      text: "'su root' failed for lonvick on /dev/pts/8",
    });
    const structured = read(
      '<165>1 2003-10-11T22:14:15.003Z host evntslog - ID47 [exampleSDID@32473 iut="3" eventSource="A \\"b\\" \\]c\\\\"][examplePriority@32473 class="high"]',
    );
    expect(structured.data).toEqual({
      "exampleSDID@32473": { iut: "3", eventSource: 'A "b" ]c\\' },
      "examplePriority@32473": { class: "high" },
    });
    expect([structured.text, structured.facility, structured.severity]).toEqual(["", 20, 5]);
    expect(read("<0>1 - - - - - - all nil")).toMatchObject({
      severity: 0,
      at: undefined,
      host: undefined,
      app: undefined,
      text: "all nil",
    });
  });

  it("are read in the form of RFC 3164 and as devices really send it", () => {
    expect(read("<34>Oct 11 22:14:15 mymachine su: 'su root' failed")).toMatchObject({
      severity: 2,
      host: "mymachine",
      app: "su",
      text: "'su root' failed",
    });
    expect(read("<13>Feb  5 17:32:18 10.0.0.99 cron[4711]: job 3 done\n")).toMatchObject({
      host: "10.0.0.99",
      app: "cron",
      processId: "4711",
      text: "job 3 done",
    });
    expect(read("<3>Feb  5 17:32:18 kernel: out of memory")).toMatchObject({ host: undefined, app: "kernel", text: "out of memory" });
    expect(read("<189>29: *Mar  1 18:46:11: %SYS-5-CONFIG_I: Configured")).toMatchObject({
      severity: 5,
      app: "%SYS-5-CONFIG_I",
      text: "Configured",
    });
    expect(read("no priority at all")).toMatchObject({ facility: 1, severity: 5, text: "no priority at all" });
    expect(read("<999>too much")).toMatchObject({ severity: 5, text: "<999>too much" });
  });

  it("S14: are read whatever their bytes are: numbers within bounds, texts that can be kept", () => {
    const begin = fc.constantFrom(
      "",
      "<34>",
      "<34>1 ",
      "<34>1 - h a - - [",
      '<34>1 - h a - - [x a="',
      "<13>Feb  5 17:32:18 ",
      "<<<",
      "<191>",
    );
    fc.assert(
      fc.property(begin, fc.uint8Array({ maxLength: 120 }), (text, bytes) => {
        const message = parseSyslog(Buffer.concat([Buffer.from(text), bytes]));
        expect(message.severity >= 0 && message.severity <= 7 && message.facility >= 0 && message.facility <= 23).toBe(true);
        for (const part of [message.text, message.host ?? "", message.app ?? "", JSON.stringify(message.data)])
          expect(part.isWellFormed() && !part.includes("\0")).toBe(true);
      }),
      { numRuns: 300 },
    );
    // What would take long to read is cut first.
    expect(parseSyslog(Buffer.alloc(10_000_000, "[")).text).toHaveLength(longestMessage);
  });

  it("are cut from a stream wherever its pieces end, by count and by line", () => {
    const word = fc.stringMatching(/^<\d{1,2}>[a-z ]{1,40}$/);
    const message = fc.record({ text: word, counted: fc.boolean() });
    fc.assert(
      fc.property(fc.array(message, { maxLength: 8 }), fc.array(fc.integer({ min: 1, max: 30 }), { minLength: 1 }), (messages, pieces) => {
        const stream = Buffer.from(messages.map(({ text, counted }) => (counted ? `${text.length} ${text}` : `${text}\n`)).join(""));
        const framing = createFraming();
        const found: string[] = [];
        for (let at = 0, turn = 0; at < stream.length; turn += 1) {
          const length = pieces[turn % pieces.length] ?? 1;
          found.push(...framing.push(stream.subarray(at, at + length)).map((one) => Buffer.from(one).toString()));
          at += length;
        }
        found.push(...framing.end().map((one) => Buffer.from(one).toString()));
        expect(found).toEqual(messages.map(({ text }) => text));
      }),
    );
  });

  it("are cut where they are too long, and the next one is read again", () => {
    for (const long of [`${"9".repeat(5)} ${"x".repeat(99_999)}`, `<3>${"x".repeat(50_000)}\n`]) {
      const framing = createFraming();
      const found = [...framing.push(Buffer.from(long)), ...framing.push(Buffer.from("<3>next\n"))];
      expect(found.map((one) => one.length)).toEqual([longestMessage, 7]);
    }
    const endless = createFraming();
    for (let piece = 0; piece < 200; piece += 1) expect(endless.push(Buffer.alloc(4_096, "x")).length).toBeLessThanOrEqual(1);
  });

  it("are alike when numbers alone differ", () => {
    expect(patternOf("Login failed for 10.0.0.7 port 51412 (0xdeadbeef)")).toBe(patternOf("login failed for 10.0.12.9 port 22 (0xcafe01)"));
    expect(patternOf("disk sda1 full")).not.toBe(patternOf("fan 1 stopped"));
  });
});
