import type { ClaimReply } from "./claim.ts";
import type { Call } from "./client.ts";

/** A cell of a table: absent is shown as nothing, never as a value. */
export type KitCell = string | number | boolean | Date | undefined;

/** A simulated device's connection to the door: MQTT 5 over TLS, as any device would hold it. */
export interface KitDeviceLink {
  /** Resolves when the door has accepted it for the first time; it goes on trying until then. */
  readonly connected: Promise<void>;
  readonly isConnected: boolean;
  /**
   * Sends at QoS 1. What is sent while there is no connection follows when there is one.
   *
   * @returns Why it was not taken, such as `0x99`; `undefined` when it was acknowledged.
   */
  publish(topic: string, payload: string | Uint8Array): Promise<string | undefined>;
  /** Breaks without a goodbye; comes back by itself after about so long. */
  breakFor(ms: number): void;
  /** Breaks, with a goodbye or without one, and stays away until `comeBack`. */
  leave(how?: { goodbye: boolean }): void;
  comeBack(): void;
  /** Knocks with a password that does not count, again and again, until told to end; answers how often it was refused. */
  knockInVain(): { end(): Promise<number> };
  close(options: { graceful: boolean }): Promise<void>;
}

/** What a kit's command may use. */
export interface KitTerminal {
  /** Calls the API as whoever signed in at this terminal. */
  readonly call: Call;
  readonly format: "table" | "json" | "csv";
  /** Aborts at Ctrl-C: long commands end in good order. */
  readonly signal: AbortSignal;
  nowMs(): number;
  /** Prints to standard output, with a line end; device text is made harmless. */
  print(text: string): void;
  /** Prints rows as a table, or what they stand for as JSON or CSV. */
  printRows(columns: readonly string[], rows: readonly Readonly<Record<string, KitCell>>[], json: unknown): void;
  /** Tells the person something that is no result. */
  note(text: string): void;
  /** One line on standard error that the next call replaces; ended by `undefined`. */
  progress(line: string | undefined): void;
  /** For simulators: adds devices, where they are not there yet, and claims each as it would itself; in the order of the ids. */
  claimFleet(
    deviceIds: readonly string[],
    fleet: { kind: string; nameOf: (deviceId: string) => string; heartbeatSeconds: number; onClaimed: (done: number) => void },
  ): Promise<ClaimReply[]>;
  connectDevice(options: {
    readonly credentials: ClaimReply;
    readonly firmwareVersion: string;
    /** Numbers from 0 up to 1. */
    readonly random: () => number;
    readonly onConnected?: () => void;
    readonly onDisconnected?: () => void;
  }): KitDeviceLink;
}

/** A command `roost <kit> <usage>`. */
export interface KitCommand {
  /** Its word and arguments, such as `firmware <node>`. */
  readonly usage: string;
  readonly summary: string;
  readonly options?: readonly {
    /** Such as `--out <folder>`, or `--days <n>`. */
    readonly flags: string;
    readonly about: string;
    readonly default?: string | boolean;
    readonly choices?: readonly string[];
  }[];
  /** `options` hold texts, or true for flags without a value, by their name in camelCase. */
  run(
    terminal: KitTerminal,
    given: { args: readonly string[]; options: Readonly<Record<string, string | true | undefined>> },
  ): Promise<void>;
}

/** What a kit adds to the command line. */
export interface KitCliFace {
  readonly kitId: string;
  /** As `roost <kit> …`. */
  readonly commands: readonly KitCommand[];
  /** As `roost simulate <kit>`; its usage is not looked at. */
  readonly simulate?: KitCommand;
}
