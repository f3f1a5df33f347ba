import { commandErrors, commandLimits } from "@roost/contract/commands";
import type { Command, OfferedCommand } from "@roost/contract/commands";
import type { CommandManifest } from "@roost/contract/kit";
import { z } from "zod";

type Manifests = Readonly<Record<string, CommandManifest>> | undefined;

/** What is offered to people: the commands of a kind, their parameters as a JSON Schema. */
export function offeredOf(manifests: Manifests): { items: OfferedCommand[]; anyName: boolean } {
  const items = Object.entries(manifests ?? {}).map(([name, { title, about, params, expiresAfterSeconds }]) => ({
    name,
    title,
    about,
    params: z.toJSONSchema(params, { io: "input" }) as OfferedCommand["params"],
    expiresAfterSeconds,
  }));
  return { items, anyName: manifests === undefined };
}

/**
 * Checks a command against what devices of its kind understand. Where no kit knows the kind, any name may be sent.
 *
 * @returns The parameters as the kit wants them, defaults filled in.
 * @throws {AppError} `commands.unknown_command`, `commands.bad_params`, `commands.too_large`
 */
export function checkCommand(
  manifests: Manifests,
  { name, params }: { readonly name: string; readonly params: Readonly<Record<string, unknown>> },
): { params: Command["params"]; expiresAfterSeconds: number } {
  if (Buffer.byteLength(JSON.stringify(params)) > commandLimits.documentBytes)
    throw commandErrors.too_large({ limitBytes: commandLimits.documentBytes });
  if (manifests === undefined) return { params: params as Command["params"], expiresAfterSeconds: commandLimits.usualExpirySeconds };
  const manifest = Object.hasOwn(manifests, name) ? manifests[name] : undefined;
  if (manifest === undefined) throw commandErrors.unknown_command({ name, known: Object.keys(manifests) });
  const read = manifest.params.safeParse(params);
  if (!read.success) {
    throw commandErrors.bad_params({
      faults: read.error.issues.map(({ path, message }) => ({ path: ["params", ...path].join("."), message })),
    });
  }
  return { params: read.data as Command["params"], expiresAfterSeconds: manifest.expiresAfterSeconds };
}
