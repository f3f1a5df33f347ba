/** How answers are printed: for people, for programs, for spreadsheets. */
export const formats = ["table", "json", "csv"] as const;
export type Format = (typeof formats)[number];

/** A cell: absent is shown as nothing, never as a value. */
export type Cell = string | number | boolean | Date | undefined;
export type Row = Readonly<Record<string, Cell>>;

/**
 * Text of devices made harmless for a terminal: control characters (colours, bells, cursor jumps), line ends and those that turn the writing
 * direction are shown as `\u` escapes.
 */
export function printable(text: string): string {
  return text.replaceAll(
    /[\p{Cc}\p{Cs}\u2028\u2029\u200E\u200F\u202A-\u202E\u2066-\u2069\uFEFF]/gu,
    (character) => `\\u${(character.codePointAt(0) ?? 0).toString(16).padStart(4, "0")}`,
  );
}

function textOf(cell: Cell): string {
  if (cell === undefined) return "";
  return cell instanceof Date ? cell.toISOString() : printable(String(cell));
}

/** Columns aligned by two spaces, headings in capitals; numbers to the right. */
export function asTable(rows: readonly Row[], columns: readonly string[]): string {
  const body = rows.map((row) => columns.map((column) => textOf(row[column])));
  const heads = columns.map((column) => column.replaceAll(/([a-z])([A-Z])/g, "$1 $2").toUpperCase());
  const widths = heads.map((head, index) => Math.max(head.length, ...body.map((cells) => cells[index]?.length ?? 0)));
  const numeric = columns.map((column) => rows.some((row) => typeof row[column] === "number"));
  const line = (cells: readonly string[]) =>
    cells
      .map((cell, index) => (numeric[index] === true ? cell.padStart(widths[index] ?? 0) : cell.padEnd(widths[index] ?? 0)))
      .join("  ")
      .trimEnd();
  return [heads, ...body].map(line).join("\n");
}

/** One `name  value` per line, for a single thing. */
export function asFields(row: Row): string {
  const names = Object.keys(row).filter((name) => row[name] !== undefined);
  const width = Math.max(0, ...names.map((name) => name.length));
  return names.map((name) => `${name.padEnd(width)}  ${textOf(row[name])}`).join("\n");
}

/** A CSV cell (RFC 4180). A text that a spreadsheet could take for a formula gets an apostrophe in front. */
function csvCell(cell: Cell): string {
  const text = cell instanceof Date ? cell.toISOString() : String(cell ?? "");
  const safe = typeof cell === "string" && /^[=+\-@\t\r]/.test(text) ? `'${text}` : text;
  return /[",\r\n]/.test(safe) ? `"${safe.replaceAll('"', '""')}"` : safe;
}

export function csvLine(cells: readonly Cell[]): string {
  return cells.map(csvCell).join(",");
}

/** JSON that a terminal shows without obeying it: what JSON leaves as it is of control characters is escaped as well. */
export function asJson(value: unknown, { pretty = true } = {}): string {
  return JSON.stringify(value, undefined, pretty ? 2 : 0).replaceAll(
    /[\u007F-\u009F\u2028\u2029\u200E\u200F\u202A-\u202E\u2066-\u2069]/g,
    (character) => `\\u${(character.codePointAt(0) ?? 0).toString(16).padStart(4, "0")}`,
  );
}

/** A list in the format asked for. JSON carries `whole`, so that programs get every field and not only the columns. */
export function formatList(format: Format, rows: readonly Row[], columns: readonly string[], whole: unknown, empty: string): string {
  if (format === "json") return asJson(whole);
  if (format === "csv") return [columns.join(","), ...rows.map((row) => csvLine(columns.map((column) => row[column])))].join("\n");
  return rows.length === 0 ? empty : asTable(rows, columns);
}

/** One thing in the format asked for. */
export function formatOne(format: Format, row: Row, whole: unknown): string {
  if (format === "json") return asJson(whole);
  if (format === "csv") return [csvLine(Object.keys(row)), csvLine(Object.values(row))].join("\n");
  return asFields(row);
}

/** How long ago, in the largest unit that says enough: `12 s`, `5 min`, `3 h`, `2 d`. */
export function ago(at: Date, nowMs: number): string {
  const seconds = Math.max(0, Math.round((nowMs - at.getTime()) / 1000));
  if (seconds < 120) return `${seconds} s`;
  if (seconds < 7200) return `${Math.round(seconds / 60)} min`;
  if (seconds < 172_800) return `${Math.round(seconds / 3600)} h`;
  return `${Math.round(seconds / 86_400)} d`;
}
