/** What an error tells beside its code: values a person or program may need; never a secret. */
export type ErrorDetails = Readonly<Record<string, unknown>>;

/**
 * The one error of the house. Branch on `code`, show `message`, look into `details`.
 *
 * On the wire: `{ "error": { code, message, details, requestId } }`.
 */
export class AppError extends Error {
  override readonly name = "AppError";
  readonly code: string;
  /** The HTTP status that belongs to the code. */
  readonly status: number;
  readonly details: ErrorDetails;

  constructor(code: string, status: number, message: string, details: ErrorDetails = {}, options?: ErrorOptions) {
    super(message, options);
    this.code = code;
    this.status = status;
    this.details = details;
  }
}

/** Says whether something caught is one of ours, with that code if one is given. */
export function isAppError(caught: unknown, code?: string): caught is AppError {
  return caught instanceof AppError && (code === undefined || caught.code === code);
}

type MakeError = ((details?: ErrorDetails, options?: ErrorOptions) => AppError) & {
  readonly code: string;
  readonly status: number;
  readonly message: string;
};

/**
 * Declares a noun's errors: `snake_case` name to HTTP status and one or two plain sentences (what happened, what to do, no values in it).
 *
 * @returns One maker per entry: `alarmErrors.not_found({ alarmId })` has the code `alarms.not_found`.
 */
export function defineErrors<const Table extends Readonly<Record<string, readonly [status: number, message: string]>>>(
  noun: string,
  table: Table,
): { readonly [Name in keyof Table]: MakeError } {
  const makers: Record<string, MakeError> = {};
  for (const [name, [status, message]] of Object.entries(table)) {
    const code = `${noun}.${name}`;
    const make = (details?: ErrorDetails, options?: ErrorOptions) => new AppError(code, status, message, details, options);
    makers[name] = Object.assign(make, { code, status, message });
  }
  return makers as { readonly [Name in keyof Table]: MakeError };
}

/** Errors of the HTTP edge itself, that belong to no noun. */
export const httpErrors = defineErrors("http", {
  invalid: [400, "The request does not fit what this address expects. The faults are listed under details."],
  not_found: [404, "There is nothing at this address."],
  unauthenticated: [401, "You are not signed in, or your session has ended. Sign in and try again."],
  forbidden: [403, "You are signed in, but your role does not allow this."],
  foreign_origin: [403, "This request came from another site and was refused."],
  wrong_host: [
    421,
    "Roost does not go by the name in this address. An administrator adds names to ROOST_PUBLIC_HOSTS, or sets ROOST_PUBLIC_URL.",
  ],
  method_not_allowed: [405, "This address does not take this method. The ones it takes stand in the Allow header."],
  too_slow: [408, "The request did not arrive in time."],
  headers_too_large: [431, "The headers of the request are larger than Roost accepts."],
  too_large: [413, "The request is larger than this address accepts."],
  unsupported_media: [415, "This address takes JSON. Send it with the content type application/json."],
  idempotency_key_invalid: [400, "An Idempotency-Key is 1 to 255 visible ASCII characters, sent once. Nothing was done."],
  idempotency_key_reused: [422, "This Idempotency-Key was sent with another request before. Every request has a key of its own."],
  request_under_way: [409, "The request with this Idempotency-Key is still under way. Send it again after the time in Retry-After."],
  outcome_unknown: [
    409,
    "The request with this Idempotency-Key was cut off. Look whether it was done; it is not done again under this key.",
  ],
  answer_not_kept: [
    409,
    "The request with this Idempotency-Key is settled. Its answer is not kept, only its status, which is under details.",
  ],
  rights_changed: [
    403,
    "The request with this Idempotency-Key is settled. Your rights, or what they reach, have changed since: its answer is not shown again.",
  ],
  too_many_idempotency_keys: [
    429,
    "You hold as many idempotency keys as are kept for one caller. Send the request without one, or wait. Nothing was done.",
  ],
  too_many_requests: [429, "Too many requests. Wait for the time given in Retry-After and try again."],
  internal: [500, "Something went wrong inside Roost. The request id leads to the log line."],
  full: [503, "Roost holds as many connections as it can. Try again in a while."],
  unavailable: [503, "Roost cannot reach its database at the moment. Nothing was stored; try again in a few seconds."],
});
