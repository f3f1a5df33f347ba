/** What is told to whoever started the server. */
export interface ReadyNotice {
  readonly type: "ready";
  readonly url: string;
  /** By TLS, for people and devices in the network, by the installation's own authority. */
  readonly httpsUrl?: string;
  readonly mqttPort: number;
  readonly mqttPlainPort?: number;
  readonly syslogPort?: number;
  /** Shown once, at the terminal; `undefined` when there is an administrator. */
  readonly setupCode?: string;
  /** Where the agent of this machine finds its claim. */
  readonly claimFile?: string;
  /** Of the built-in PostgreSQL, for `psql -h`. */
  readonly databaseSocketDir?: string;
}
