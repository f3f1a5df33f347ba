import { STATUS_CODES } from "node:http";
import type { Duplex } from "node:stream";

import { httpErrors } from "@roost/contract/errors";
import type { AppError } from "@roost/contract/errors";

import { newId } from "../id.ts";
import { wireError } from "./faults.ts";

const clientFaults: Readonly<Record<string, () => AppError>> = {
  ERR_HTTP_REQUEST_TIMEOUT: httpErrors.too_slow,
  HPE_HEADER_OVERFLOW: httpErrors.headers_too_large,
  HPE_CHUNK_EXTENSIONS_OVERFLOW: httpErrors.too_large,
};

/** The error that bytes which are no request are told. */
export function clientFault(code: string | undefined): AppError {
  return (clientFaults[code ?? ""] ?? httpErrors.invalid)();
}

/** Answers where there is no request that the framework could answer: bytes that are no HTTP, and refused upgrades. */
export function answerRaw(socket: Duplex, error: AppError, headers: Readonly<Record<string, string>>): void {
  if (!socket.writable) {
    socket.destroy();
    return;
  }
  const requestId = newId();
  const body = wireError(error, requestId);
  const lines = Object.entries({
    ...headers,
    "cache-control": "no-store",
    "content-type": "application/json; charset=utf-8",
    "content-length": String(Buffer.byteLength(body)),
    "x-request-id": requestId,
    connection: "close",
  }).map(([name, value]) => `${name}: ${value}`);
  socket.end(`HTTP/1.1 ${error.status} ${STATUS_CODES[error.status] ?? ""}\r\n${lines.join("\r\n")}\r\n\r\n${body}`);
  // A peer that does not read is not waited for.
  setTimeout(() => socket.destroy(), 1_000).unref();
}
