/**
 * The household's `secrets.yaml` with a node's entries in it: entries of the same names are replaced, everything else stays as it is.
 *
 * @param old - The file as it stands; empty where there is none.
 */
export function withSecrets(old: string, entries: string): string {
  const names = new Set(entries.split("\n").flatMap((line) => /^([a-z0-9_]+):/.exec(line)?.[1] ?? []));
  const added = new Set(entries.split("\n"));
  const kept = old.split("\n").filter((line) => {
    const name = /^([A-Za-z0-9_-]+)\s*:/.exec(line)?.[1];
    return name === undefined ? !line.startsWith("# Of node ") || !added.has(line) : !names.has(name);
  });
  const before = kept.join("\n").trimEnd();
  return before === "" ? entries : `${before}\n\n${entries}`;
}
