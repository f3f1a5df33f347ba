import { severity } from "@roost/contract/alarms";
import { channels, targetKind } from "@roost/contract/channels";
import { addNotificationTarget, changeNotificationTarget } from "@roost/contract/notifications";
import { z } from "zod";

import type { Bench } from "../command.ts";
import { cliErrors } from "../settings.ts";

type Fields = Readonly<Record<string, unknown>>;

const open = z.strictObject({
  name: z.string().trim().min(1).max(120),
  kind: targetKind,
  minSeverity: severity.default("info"),
  enabled: z.boolean().default(true),
  /** Absent: of alarms. */
  hears: z.enum(["tickets"]).optional(),
  titleTemplate: z.string().max(300).optional(),
  bodyTemplate: z.string().max(4_000).optional(),
});

const channelKeys = [...new Set(Object.values(channels).flatMap((shape) => Object.keys(shape.shape)))].filter((key) => key !== "kind");
const withChannel = z.strictObject({ ...open.shape, ...Object.fromEntries(channelKeys.map((key) => [key, z.unknown().optional()])) });

/**
 * What a target in a file may say. Where it leads to is checked when it is added, and looked at no more when it is there: nobody can read it
 * back.
 */
export const targetInFile: z.ZodObject = withChannel;
/** What can be read back of a target, and so compared. */
export const targetOnServer: z.ZodObject = open;

// Files come from others as well: what else the environment holds is not theirs to send somewhere.
const placeholder = /^\$\{(ROOST_TARGET_[A-Z0-9_]{1,100})\}$/;
const looksLikeOne = /\$\{/;

/**
 * Puts the environment's secrets in place of their placeholders.
 *
 * @throws {AppError} `cli.misused` for one that is not set, or has a name that files may not ask for.
 */
export function withSecrets(fields: Fields, env: Readonly<Record<string, string | undefined>>): Fields {
  return Object.fromEntries(
    Object.entries(fields).map(([key, value]) => {
      if (typeof value !== "string" || !channelKeys.includes(key) || !looksLikeOne.test(value)) return [key, value];
      const name = placeholder.exec(value)?.[1];
      if (name === undefined)
        throw cliErrors.misused({ field: key, because: "a placeholder looks like ${ROOST_TARGET_CHAT}, and is all of the value" });
      const found = env[name];
      if (found === undefined || found === "") throw cliErrors.misused({ field: key, because: `${name} is not set in the environment` });
      return [key, found];
    }),
  );
}

/** What a file says instead of what nobody can read back. */
export function placeholdersOf(kind: string, name: string): Fields {
  const shape = (channels as Readonly<Record<string, z.ZodObject>>)[kind];
  const word = name
    .toUpperCase()
    .replaceAll(/[^A-Z0-9]+/g, "_")
    .slice(0, 60);
  const needed = Object.entries(shape?.shape ?? {}).filter(
    ([key, one]) => key !== "kind" && !(one as z.ZodType).safeDecode(undefined as never).success,
  );
  return Object.fromEntries(needed.map(([key]) => [key, `\${ROOST_TARGET_${word}_${key.toUpperCase()}}`]));
}

type AddBody = z.input<NonNullable<(typeof addNotificationTarget)["body"]>>;
type ChangeBody = z.input<NonNullable<(typeof changeNotificationTarget)["body"]>>;

/** @throws {AppError} `cli.misused` for what a new target lacks, a secret of the environment among it */
export function checkNewTarget(bench: Bench, given: Fields): void {
  newTargetOf(bench, given);
}

function newTargetOf(bench: Bench, given: Fields): AddBody {
  const { enabled: _enabled, ...rest } = withSecrets(given, bench.terminal.env);
  const read = z.safeDecode(addNotificationTarget.body as z.ZodType, rest);
  if (read.success) return rest as AddBody;
  const [issue] = read.error.issues;
  throw cliErrors.misused({ field: issue?.path.join("."), because: issue?.message });
}

/** @throws {AppError} `cli.misused`, and what the server says */
export async function addTarget(bench: Bench, given: Fields): Promise<string> {
  const { id, signingSecret } = await bench.call(addNotificationTarget, { body: newTargetOf(bench, given) });
  if (signingSecret !== undefined) bench.note(`Target ${String(given["name"])} signs with ${signingSecret} (shown once).`);
  if (given["enabled"] === false) await bench.call(changeNotificationTarget, { params: { targetId: id }, body: { enabled: false } });
  return id;
}

/** What is there can be named, bounded, worded and switched anew; to lead elsewhere it has to be another one. */
export async function changeTarget(bench: Bench, targetId: string, given: Fields): Promise<void> {
  const { minSeverity, enabled, titleTemplate = null, bodyTemplate = null } = given;
  const body = { minSeverity, enabled, titleTemplate, bodyTemplate } as ChangeBody;
  await bench.call(changeNotificationTarget, { params: { targetId }, body });
}
