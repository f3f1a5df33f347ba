import { createHash, randomBytes } from "node:crypto";

import { AppError } from "@roost/contract/errors";

// Crockford's alphabet: no I, L, O, U, so that a code read aloud or from a terminal is typed right.
const alphabet = "0123456789ABCDEFGHJKMNPQRSTVWXYZ";
const groups = 5;

/** Makes a set-up code of 100 bits: five groups of four, such as `7K2M-…`. */
export function makeSetupCode(): string {
  const letters = [...randomBytes(groups * 4)].map((byte) => alphabet[byte & 31] ?? "");
  return Array.from({ length: groups }, (_, group) => letters.slice(group * 4, group * 4 + 4).join("")).join("-");
}

/** SHA-256 of a code as it was meant: without spaces and hyphens, in capitals, look-alikes read as the digit. */
export function hashSetupCode(code: string): Buffer {
  return createHash("sha256")
    .update(`roost set-up code:${meant(code)}`)
    .digest();
}

const placeholder = /change|replace|placeholder|example|default|secret|password|setup|admin|roost|insert|todo|xxxx|1234|abcd|qwer/i;

/**
 * Checks a code that an operator chose.
 *
 * @throws {AppError} `config.invalid` when it has fewer than 16 characters, is a placeholder or repeats itself.
 */
export function checkChosenCode(code: string): void {
  const letters = meant(code);
  const fault =
    letters.length < 16
      ? "has fewer than 16 letters and digits"
      : placeholder.test(code) || new Set(letters).size < 8
        ? "is a placeholder or too easy to guess"
        : undefined;
  if (fault !== undefined) {
    throw new AppError("config.invalid", 500, "The configuration has faults. Mend the variables named under details.", {
      faults: [`ROOST_SETUP_CODE: ${fault}. Leave it out and Roost makes one`],
    });
  }
}

function meant(code: string): string {
  return code
    .toUpperCase()
    .replaceAll(/[^0-9A-Z]/g, "")
    .replaceAll("O", "0")
    .replaceAll(/[IL]/g, "1");
}
