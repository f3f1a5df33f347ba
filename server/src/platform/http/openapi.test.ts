import { routes } from "@roost/contract/routes";
import { describe, expect, it } from "vitest";

import { openApi } from "./openapi.ts";

interface Operation {
  operationId: string;
  summary: string;
  "x-access": string;
  security: object[];
  parameters?: { name: string; in: string; required: boolean; schema: { pattern?: string } }[];
  requestBody?: { content: Record<string, { schema: object }> };
  responses: Record<string, { description: string; "x-codes"?: string[]; content?: Record<string, { schema: object }> }>;
}

describe("the OpenAPI reference", () => {
  const reference = openApi(routes, { version: "1.0.0", url: "https://roost.example.org" });
  const paths = reference["paths"] as Record<string, Record<string, Operation>>;
  const operations = Object.entries(paths).flatMap(([path, methods]) =>
    Object.entries(methods).map(([method, operation]) => ({ path, method, operation })),
  );

  it("has every route of the contract, once, under a name of its own", () => {
    const told = operations.map(({ path, method }) => `${method.toUpperCase()} ${path}`);
    expect(told.toSorted()).toEqual(routes.map((route) => `${route.method} ${route.path.replaceAll(/:(\w+)/g, "{$1}")}`).toSorted());
    expect(new Set(operations.map(({ operation }) => operation.operationId)).size).toBe(routes.length);
  });

  it("says for each who may, what it takes, and every answer it gives", () => {
    for (const { path, operation } of operations) {
      const route = routes.find((one) => one.operation === operation.operationId);
      expect(operation["x-access"]).toBe(route?.access);
      expect(operation.security.length === 0).toBe(route?.access === "public");
      const places = [...path.matchAll(/\{(\w+)\}/g)].map((match) => match[1]);
      expect((operation.parameters ?? []).filter((one) => one.in === "path").map((one) => one.name)).toEqual(places);
      expect(operation.requestBody !== undefined).toBe(route?.body !== undefined);
      const codes = Object.values(operation.responses).flatMap((response) => response["x-codes"] ?? []);
      for (const error of route?.errors ?? []) if (error.status >= 400) expect(codes).toContain(error.code);
      expect(codes).toContain("http.unavailable");
      expect(Object.keys(operation.responses).some((status) => /^[23]/.test(status))).toBe(true);
      for (const status of Object.keys(operation.responses)) expect(status).toMatch(/^[2-5]\d\d$/);
    }
  });

  it("DESIGN contract: says of whatever a signed-in caller changes, and of nothing else, that it takes an Idempotency-Key", () => {
    const takers = new Set(
      operations
        .filter(({ operation }) => operation.parameters?.some((one) => one.in === "header"))
        .map(({ operation }) => operation.operationId),
    );
    for (const { operationId } of operations.map(({ operation }) => operation)) {
      const route = routes.find((one) => one.operation === operationId);
      const isSignedIn = route?.access !== "public" && route?.access !== "device";
      const isChange = route?.method !== "GET" && route?.streams === undefined && route?.rawBody !== true;
      expect([operationId, takers.has(operationId)]).toEqual([operationId, isSignedIn && isChange]);
    }
    expect(takers.size).toBeGreaterThan(100);
    const added = operations.find(({ operation }) => operation.operationId === "addDevice")?.operation;
    const key = added?.parameters?.find(({ in: place }) => place === "header");
    expect(key).toMatchObject({ name: "Idempotency-Key", required: false });
    const pattern = new RegExp(String(key?.schema.pattern), "u");
    for (const one of ["k", "a".repeat(255), `"${"a".repeat(255)}"`, String.raw`"\""`])
      expect([one, pattern.test(one)]).toEqual([one, true]);
    for (const one of ["", "a b", "a".repeat(256), '"', '"a', '""', '"a"b"']) expect([one, pattern.test(one)]).toEqual([one, false]);
    expect(added?.responses["409"]?.["x-codes"]).toEqual(
      expect.arrayContaining(["http.request_under_way", "http.outcome_unknown", "http.answer_not_kept"]),
    );
    expect(added?.responses["422"]?.["x-codes"]).toContain("http.idempotency_key_reused");
  });

  it("is JSON through and through, with the forms of the wire and no reference that leads nowhere", () => {
    const text = JSON.stringify(reference);
    expect(JSON.parse(text)).toEqual(reference);
    expect(reference["openapi"]).toBe("3.1.1");
    for (const [, pointer] of text.matchAll(/"\$ref":"#\/([^"]+)"/g)) {
      const target = (pointer ?? "")
        .split("/")
        .reduce<unknown>((value, key) => (value as Record<string, unknown> | undefined)?.[key], reference);
      expect([pointer, typeof target]).toEqual([pointer, "object"]);
    }
    const session = paths["/api/v1/api-tokens"]?.["get"]?.responses["200"]?.content?.["application/json"]?.schema;
    expect(JSON.stringify(session)).toContain('"createdAt":{"type":"string","format":"date-time"}');
  });

  it("T-F09: says of each field what it tells of a person or a device", () => {
    const bodyOf = (operationId: string) =>
      operations.find(({ operation }) => operation.operationId === operationId)?.operation.requestBody?.content["application/json"]?.schema;
    expect(bodyOf("setUp")).toMatchObject({
      properties: {
        email: { "x-personal-data": "email" },
        password: { "x-personal-data": "secret" },
        name: { "x-personal-data": "name" },
        code: { "x-personal-data": "secret" },
      },
    });
    expect(bodyOf("acknowledgeAlarm")).toMatchObject({ properties: { note: { "x-personal-data": "text" } } });
    const told = JSON.stringify(reference);
    expect(told).not.toContain('"x-personal-data":"none"');
    expect(told.split('"x-personal-data"').length).toBeGreaterThan(100);
  });
});
