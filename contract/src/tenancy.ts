/** Sites and device groups; a device is in one of these if it stands at one of the sites or belongs to one of the groups. */
export interface Parts {
  readonly siteIds: readonly string[];
  readonly groupIds: readonly string[];
}

/** What of an organisation's devices may be seen and touched: those in every one of `allow`, and none that is in `deny`. */
export interface Scope {
  readonly allow: readonly Parts[];
  readonly deny: Parts;
}

/** Whose rows a piece of work is about: one organisation's, and of its devices those in scope. A caller is one of these. */
export interface Within {
  readonly organisationId: string;
  /** Absent: the whole organisation. */
  readonly scope?: Scope | undefined;
}

/** Who did something, for records. */
export interface Actor {
  readonly kind: "person" | "token" | "device" | "system";
  /** The person's, token's or device's id; for `system` the part that acted. */
  readonly id: string;
  /** E-mail of the person, name of the token. */
  readonly name: string;
  readonly remoteAddress?: string | undefined;
  readonly userAgent?: string | undefined;
  readonly correlationId?: string | undefined;
}

/** The same, with who does the work. Absent `by`: the platform itself. */
export interface Whose extends Within {
  readonly by?: Actor | undefined;
}
