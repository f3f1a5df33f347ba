import { AppError } from "@roost/contract/errors";

/** Where a listener was to listen. */
export interface ListenAddress {
  readonly host: string;
  readonly port: number;
  /** Variable that sets the port, such as `ROOST_HTTP_PORT`; the host's is called alike. Named to whoever has to change it. */
  readonly variable?: string | undefined;
}

/**
 * Says in the house's form why nothing can listen at an address.
 *
 * @returns An AppError `listen.address_in_use`, `listen.not_allowed` or `listen.no_such_address`; another failure as it is.
 */
export function listenFault(cause: unknown, { host, port, variable = "the port's variable" }: ListenAddress): unknown {
  const details = { host, port, variable };
  switch ((cause as NodeJS.ErrnoException | null)?.code) {
    case "EADDRINUSE":
      return new AppError(
        "listen.address_in_use",
        500,
        `Port ${port} is in use: another Roost may be running, or another program. Stop it, or set ${variable} to another port.`,
        details,
        { cause },
      );
    case "EACCES":
      return new AppError(
        "listen.not_allowed",
        500,
        `This user may not listen on port ${port}. Set ${variable} to a port from 1024 on.`,
        details,
        { cause },
      );
    case "EADDRNOTAVAIL":
    case "ENOTFOUND":
      return new AppError(
        "listen.no_such_address",
        500,
        `This machine has no address ${host}. Mend ${variable.replace(/PORT$/, "HOST")}.`,
        details,
        { cause },
      );
    default:
      return cause;
  }
}
