import { Button } from "@mantine/core";
import { isAppError } from "@roost/contract/errors";

import styles from "./fault.module.css";

/** What a caught thing says to a person: one or two sentences and a code to search for. */
export function readFault(error: unknown): { code: string; message: string; requestId?: string; faults: readonly string[] } {
  if (!isAppError(error)) {
    return {
      code: "web.unexpected",
      message: "Something went wrong in this page. Load it again; if it stays, report the code and what you did.",
      faults: [],
    };
  }
  const requestId = error.details["requestId"];
  return {
    code: error.code,
    message: error.message,
    ...(typeof requestId === "string" ? { requestId } : {}),
    faults: readFaults(error.details["faults"] ?? error.details["issues"]),
  };
}

function readFaults(details: unknown): string[] {
  if (!Array.isArray(details)) return [];
  return details.slice(0, 8).map((fault: unknown) => {
    if (typeof fault === "string") return fault;
    const { path, message } = (fault ?? {}) as { path?: unknown; message?: unknown };
    const where = Array.isArray(path) ? path.join(".") : typeof path === "string" ? path : "";
    return [where, typeof message === "string" ? message : ""].filter((part) => part !== "").join(": ");
  });
}

/** An error where it happened: what happened, what to do, the code to search for, and a way to try again where that helps. */
export function Fault({ error, onRetry, title }: { readonly error: unknown; readonly onRetry?: () => void; readonly title?: string }) {
  const { code, message, requestId, faults } = readFault(error);
  return (
    <div className={styles.fault} role="alert">
      <div>
        {title !== undefined && <h2 className={styles.title}>{title}</h2>}
        <p>{message}</p>
        {faults.length > 0 && (
          <ul className={styles.list}>
            {faults.map((fault) => (
              <li key={fault}>{fault}</li>
            ))}
          </ul>
        )}
        <p className={styles.code}>
          <code>{code}</code>
          {requestId !== undefined && (
            <>
              {" "}
              · request <code>{requestId}</code>
            </>
          )}
        </p>
      </div>
      {onRetry !== undefined && (
        <Button variant="default" onClick={onRetry}>
          Try again
        </Button>
      )}
    </div>
  );
}
