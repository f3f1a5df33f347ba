/** Prints a story's measured figures as one line, `R1 lost=0 …`, so that trends are visible between releases. */
export function printFigures(id: string, figures: Readonly<Record<string, number | string | undefined>>): void {
  const words = Object.entries(figures).map(
    ([name, value]) => `${name}=${typeof value === "number" ? Math.round(value * 10) / 10 : value}`,
  );
  process.stdout.write(`${id} ${words.join(" ")}\n`);
}
