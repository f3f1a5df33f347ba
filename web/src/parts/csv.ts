/** A cell a table can hold. Absent is an empty cell, never a zero. */
export type Cell = string | number | Date | undefined;

/**
 * A table as CSV (RFC 4180, CRLF, with a header line). Texts that a spreadsheet would run as a formula get an apostrophe in front.
 *
 * @see https://owasp.org/www-community/attacks/CSV_Injection
 */
export function toCsv(header: readonly string[], rows: readonly (readonly Cell[])[]): string {
  return `${[header, ...rows].map((row) => row.map(cellText).join(",")).join("\r\n")}\r\n`;
}

function cellText(cell: Cell): string {
  if (cell === undefined) return "";
  if (typeof cell === "number") return String(cell);
  if (cell instanceof Date) return cell.toISOString();
  const safe = /^[=+\-@\t\r]/.test(cell) ? `'${cell}` : cell;
  return /[",\r\n]/.test(safe) ? `"${safe.replaceAll('"', '""')}"` : safe;
}

/** `roost-alarms-2026-03-29T0405.csv`: what it is and when it was taken (UTC), with nothing a file system dislikes. */
export function csvName(parts: readonly string[], at: Date): string {
  const what = parts.map((part) => part.toLowerCase().replaceAll(/[^a-z0-9_-]+/g, "-")).filter((part) => part !== "");
  return `${["roost", ...what, at.toISOString().slice(0, 16).replace(":", "")].join("-")}.csv`;
}
