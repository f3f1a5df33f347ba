import { expect, it } from "vitest";

import { exampleOf, fillPath, headersOf, readReference } from "./open-api.ts";

const document = {
  openapi: "3.1.0",
  info: { title: "Roost", version: "0.1.0" },
  paths: {
    "/api/v1/devices/{deviceId}": {
      get: {
        operationId: "getDevice",
        summary: "Shows one device.",
        "x-access": "devices:read",
        parameters: [{ name: "deviceId", in: "path", required: true, schema: { type: "string" } }],
        responses: {
          "200": { description: "Fine", content: { "application/json": { schema: { $ref: "#/components/schemas/Device" } } } },
          "404": { description: "`devices.not_found`: There is no such device.\n\n`http.not_found`: There is nothing at this address." },
        },
      },
    },
    "/health": { get: { operationId: "getHealth" }, parameters: [] },
  },
  components: {
    schemas: {
      Device: { type: "object", required: ["id"], properties: { id: { type: "string" }, self: { $ref: "#/components/schemas/Device" } } },
    },
  },
};

it("reads operations with their group, access, answers and errors", () => {
  const { operations } = readReference(document);
  expect(operations.map(({ id, method, group }) => [id, method, group])).toEqual([
    ["getDevice", "GET", "devices"],
    ["getHealth", "GET", "system"],
  ]);
  expect(operations[0]).toMatchObject({
    access: "devices:read",
    errors: [{ code: "devices.not_found", status: 404, message: "There is no such device." }, { code: "http.not_found" }],
    answers: [{ status: "200", media: "application/json" }],
  });
});

it("makes examples from schemas, through references, without falling into a circle", () => {
  const { schemas } = readReference(document);
  expect(exampleOf({ $ref: "#/components/schemas/Device" }, schemas)).toEqual({ id: "text" });
  const circle = { a: { anyOf: [{ $ref: "#/components/schemas/a" }] } };
  expect(exampleOf({ $ref: "#/components/schemas/a" }, circle)).toBeNull();
  expect(exampleOf({ type: "array", items: { type: ["null", "integer"], minimum: 3 } }, {})).toEqual([3]);
  expect(exampleOf({ type: "object", properties: { at: { type: "string", format: "date-time" }, how: { enum: ["a", "b"] } } }, {})).toEqual(
    { at: "2026-03-29T04:05:06Z", how: "a" },
  );
});

it("fills places safely and leaves empty query values out", () => {
  const parameters = [
    { name: "limit", in: "query", required: false, schema: {} },
    { name: "q", in: "query", required: false, schema: {} },
  ];
  expect(fillPath("/api/v1/devices/{deviceId}", { deviceId: "../x?y", limit: "", q: "a b" }, parameters)).toBe(
    "/api/v1/devices/..%2Fx%3Fy?q=a+b",
  );
});

it("sends the headers that were filled in, and no part of another place as one", () => {
  const parameters = [
    { name: "Idempotency-Key", in: "header", required: false, schema: {} },
    { name: "If-None", in: "header", required: false, schema: {} },
    { name: "q", in: "query", required: false, schema: {} },
  ];
  const values = { "Idempotency-Key": "k", "If-None": "", q: "x" };
  expect(headersOf(values, parameters)).toEqual({ "Idempotency-Key": "k" });
  expect(fillPath("/a", values, parameters)).toBe("/a?q=x");
});
