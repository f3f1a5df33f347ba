import { httpErrors } from "@roost/contract/errors";
import type { AppError } from "@roost/contract/errors";
import { ingestErrors } from "@roost/contract/ingest";

import type { Ticket } from "../../platform/intake.ts";

/** A request that waits for the commit of its readings. */
export class HttpTicket implements Ticket {
  reason = 0;
  readonly #settled: Promise<void>;
  #resolve: () => void = () => undefined;

  constructor() {
    this.#settled = new Promise((resolve) => {
      this.#resolve = resolve;
    });
  }

  settle(): void {
    this.#resolve();
  }

  /** Resolves with the commit. @throws {AppError} `http.unavailable` when it does not come in time; it may come later. */
  async inTime(patienceMs: number): Promise<void> {
    let late: NodeJS.Timeout | undefined;
    const tooLate = new Promise<never>((_, reject) => {
      late = setTimeout(() => reject(httpErrors.unavailable()), patienceMs);
    });
    try {
      await Promise.race([this.#settled, tooLate]);
    } finally {
      clearTimeout(late);
    }
  }
}

const errorsByCode = new Map(Object.values(ingestErrors).map((make) => [make.code, make]));

/** The contract's error of a code that ingest counted. */
export function errorByCode(code: string | undefined): AppError {
  return (errorsByCode.get(code ?? "") ?? ingestErrors.malformed)();
}
