import { AppError, httpErrors } from "@roost/contract/errors";

import { isDatabaseAway } from "../db.ts";

/** The error of the house that a failure is told as; what is none of ours becomes `http.internal`, without its text. */
export function toAppError(caught: unknown): AppError {
  if (caught instanceof AppError) return caught.status >= 400 && caught.status <= 599 ? caught : httpErrors.internal({}, { cause: caught });
  // A client that went away in the middle of its body is no database that did; the framework marks it with a status.
  if (codeOf(caught) === "ECONNRESET" && (caught as { statusCode?: unknown }).statusCode === 400)
    return httpErrors.invalid({}, { cause: caught });
  if (isDatabaseAway(caught)) return httpErrors.unavailable({}, { cause: caught });
  const code = codeOf(caught);
  if (code === "FST_ERR_CTP_BODY_TOO_LARGE") return httpErrors.too_large({}, { cause: caught });
  if (code === "FST_ERR_CTP_INVALID_MEDIA_TYPE" || code === "FST_ERR_CTP_EMPTY_TYPE")
    return httpErrors.unsupported_media({}, { cause: caught });
  if (code === "FST_ERR_BAD_URL" || code === "FST_ERR_CTP_INVALID_CONTENT_LENGTH") return httpErrors.invalid({}, { cause: caught });
  if (code === "FST_ERR_MAX_PARAM_LENGTH") return httpErrors.not_found({}, { cause: caught });
  // Texts that the database cannot hold (NUL): the last net, should a field have slipped past the edge.
  if (code === "22021" || code === "22P05")
    return httpErrors.invalid({ faults: [{ path: "body", message: "A text cannot be stored." }] }, { cause: caught });
  return httpErrors.internal({}, { cause: caught });
}

/** The body of every error answer. */
export function wireError(error: AppError, requestId: string): string {
  return JSON.stringify({ error: { code: error.code, message: error.message, details: error.details, requestId } });
}

function codeOf(caught: unknown): string | undefined {
  const code = typeof caught === "object" && caught !== null ? (caught as { code?: unknown }).code : undefined;
  return typeof code === "string" ? code : undefined;
}
