import { randomInt } from "node:crypto";

/** Without what is mistaken for something else when read off a label: no 0 o 1 l i. */
const alphabet = "23456789abcdefghjkmnpqrstuvwxyz";

/** A device id out of any text: lower case, what ids cannot have becomes a hyphen; empty when nothing is left. */
export function slugOf(text: string): string {
  return text
    .normalize("NFKD")
    .replaceAll(/\p{M}/gu, "")
    .toLowerCase()
    .replaceAll(/[^a-z0-9_]+/g, "-")
    .slice(0, 48)
    .replaceAll(/^-+|-+$/g, "");
}

/** An id that people can read out and type: the name's own, or `device`, and five random characters. */
export function makeDeviceId(name: string | undefined): string {
  const slug = slugOf(name ?? "") || "device";
  let tail = "";
  for (let index = 0; index < 5; index += 1) tail += alphabet[randomInt(alphabet.length)] ?? "2";
  return `${slug}-${tail}`;
}
