import type { KitEgress } from "@roost/contract/kit-host";

/** A `fetch` for libraries, that goes by the one door to the outside: its answers are bounded, its addresses checked, its redirects watched. */
export function fetchOver(egress: KitEgress, timeoutMs: number): typeof fetch {
  return async (input, init) => {
    const url = typeof input === "string" ? input : input instanceof URL ? input.href : input.url;
    const { body, signal } = init ?? {};
    if (body !== undefined && body !== null && typeof body !== "string") throw new TypeError("Only text is sent.");
    const answer = await egress.request({
      url,
      method: init?.method === "POST" ? "POST" : "GET",
      headers: Object.fromEntries(new Headers(init?.headers).entries()),
      timeoutMs,
      ...(typeof body === "string" ? { body } : {}),
      ...(signal === null || signal === undefined ? {} : { signal }),
    });
    // A status that may have no body has none here either.
    const isBare = [204, 205, 304].includes(answer.status);
    return new Response(isBare ? null : answer.text, {
      status: answer.status,
      headers: {
        "content-type": "application/json",
        ...(answer.retryAfterMs === undefined ? {} : { "retry-after": String(Math.ceil(answer.retryAfterMs / 1_000)) }),
      },
    });
  };
}
