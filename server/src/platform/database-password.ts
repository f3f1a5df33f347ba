import { setTimeout as sleep } from "node:timers/promises";
import { callbackify } from "node:util";

import pg from "pg";

/** Whoever rotates a password changes a file and the database, one after the other: so long both are tried. */
const usualPatienceMs = 3_500;
const pauseMs = 50;

/** A database connection whose password may change while we run. */
export interface RotatingConnection {
  /** Asks for the password at each sign-in. */
  readonly Client: typeof pg.Client;
  /** Runs something that signs in; while the password is refused, tries the new one and the old one in turn. */
  patiently<Result>(signIn: () => Promise<Result>): Promise<Result>;
  /** The password of a client that is signed in: it works. */
  worked(client: pg.Client | pg.PoolClient): void;
}

/**
 * Signs in to the database with the password that its source has at that moment, and with the one that worked last where the source is ahead
 * of the database.
 *
 * @param latest - The address as its file has it now.
 */
export function createRotatingConnection(
  latest: () => string,
  { patienceMs = usualPatienceMs }: { patienceMs?: number } = {},
): RotatingConnection {
  let lastGood: string | undefined;
  let given: string | undefined;
  let refused: string | undefined;

  function next(): string {
    const candidates = [passwordIn(latest()), lastGood].filter((password) => password !== undefined);
    given = candidates.find((password) => password !== refused) ?? candidates[0] ?? "";
    return given;
  }

  class RotatingClient extends pg.Client {
    constructor(config?: string | pg.ClientConfig) {
      super(config);
      // The driver asks a function at the moment it needs the password; its types know a text alone.
      (this as unknown as { password: () => string }).password = next;
    }
  }

  return {
    Client: RotatingClient,
    async patiently(signIn) {
      const untilMs = performance.now() + patienceMs;
      for (;;) {
        try {
          return await signIn();
        } catch (error) {
          if (!isPasswordRefused(error) || performance.now() > untilMs) throw error;
          refused = given;
          await sleep(pauseMs);
        }
      }
    },
    worked(client) {
      const { password } = client as unknown as { password: unknown };
      if (typeof password !== "string") return;
      lastGood = password;
      if (refused === password) refused = undefined;
    },
  };
}

/** A pool that outlives a change of the password. */
export class RotatingPool extends pg.Pool {
  readonly #rotating: RotatingConnection;
  constructor(config: pg.PoolConfig, rotating: RotatingConnection) {
    super({ ...config, Client: rotating.Client as unknown as NonNullable<pg.PoolConfig["Client"]> });
    this.#rotating = rotating;
    this.on("connect", (client) => rotating.worked(client));
  }

  override connect(): Promise<pg.PoolClient>;
  override connect(
    callback: (error: Error | undefined, client: pg.PoolClient | undefined, done: (release?: unknown) => void) => void,
  ): void;
  override connect(
    callback?: (error: Error | undefined, client: pg.PoolClient | undefined, done: (release?: unknown) => void) => void,
  ): Promise<pg.PoolClient> | void {
    const signIn = () => this.#rotating.patiently(() => super.connect());
    if (callback === undefined) return signIn();
    callbackify(signIn)((error, client) => callback(error ?? undefined, client, (release) => client?.release(release as boolean)));
  }
}

function passwordIn(url: string): string | undefined {
  return URL.canParse(url) ? decodeURIComponent(new URL(url).password) : undefined;
}

function isPasswordRefused(error: unknown): boolean {
  return error instanceof Error && (error as { code?: unknown }).code === "28P01";
}
