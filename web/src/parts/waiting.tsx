import styles from "./waiting.module.css";

/** A place kept for something on its way, in its size, so that nothing jumps when it comes. */
export function Bone({ width = "100%", height = 16 }: { readonly width?: number | string; readonly height?: number | string }) {
  return <span className={styles.bone} style={{ width, height }} aria-hidden="true" />;
}

/** Rows of a list on its way. */
export function RowsWaiting({
  rows = 6,
  height = 52,
  label,
}: {
  readonly rows?: number;
  readonly height?: number;
  readonly label: string;
}) {
  return (
    <output className={styles.rows} aria-label={`Loading ${label}`}>
      {Array.from({ length: rows }, (_, row) => (
        <div key={row} className={styles.row} style={{ height }}>
          <Bone width="18%" />
          <Bone width={`${24 + ((row * 7) % 18)}%`} />
          <Bone width="30%" />
        </div>
      ))}
    </output>
  );
}

/** A page on its way. */
export function PageWaiting() {
  return (
    <output className={styles.page} aria-label="Loading">
      <Bone width={220} height={28} />
      <Bone height={180} />
    </output>
  );
}
