/**
 * A cell of CSV (RFC 4180). A text that a spreadsheet would take for a formula gets an apostrophe in front, which a spreadsheet
 * hides; so does one that looks as if it had got one. A program takes one apostrophe away from every cell that begins with
 * apostrophes and then one of `= + - @`, TAB, CR or LF, and has the text back.
 */
export function textCell(text: string): string {
  const safe = /^'*[=+\-@\t\r\n]/.test(text) ? `'${text}` : text;
  return /[",\r\n\t]/.test(safe) ? `"${safe.replaceAll('"', '""')}"` : safe;
}
