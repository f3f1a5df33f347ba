/** A time during which a node stood at a plant, cut to the range asked for. */
export interface Part {
  readonly deviceId: string;
  /** Inclusive. */
  readonly from: Date;
  /** Exclusive. */
  readonly to: Date;
}
