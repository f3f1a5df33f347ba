import { access, mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";

import { AppError } from "@roost/contract/errors";

import { cliErrors } from "../settings.ts";

/**
 * Starts a kit: a folder with a manifest, a server face and a README that compile as they are.
 *
 * @returns What to do next, line by line.
 * @throws {AppError} `cli.misused` for a name that is none; `cli.exists` where there is such a folder.
 */
export async function addKitFolder(id: string, kitsFolder: string): Promise<string[]> {
  if (!/^[a-z][a-z0-9]{1,20}$/.test(id)) throw cliErrors.misused({ name: id, wanted: "2 to 21 lower-case letters and digits" });
  const folder = join(kitsFolder, id);
  const isThere = await access(folder).then(
    () => true,
    () => false,
  );
  if (isThere) throw new AppError("cli.exists", 409, "There is such a folder already. Choose another name.", { folder });
  await mkdir(folder, { recursive: true });
  const title = id.slice(0, 1).toUpperCase() + id.slice(1);
  await writeFile(join(folder, "kit.ts"), manifestText(id, title));
  await writeFile(join(folder, "server.ts"), serverText(id, title));
  await writeFile(join(folder, "README.md"), `# ${title}\n\nWhat this kit is for, how its devices are wired, what each metric means.\n`);
  return [
    `Made ${folder}. Now add a line to each of these lists:`,
    `  kits/src/kits.ts          import { ${id}Kit } from "./${id}/kit.ts";        and ${id}Kit`,
    `  kits/src/server-faces.ts  import { ${id}Server } from "./${id}/server.ts";  and ${id}Server`,
    `  kits/src/kit-routes.ts    import { ${id}List } from "./${id}/server.ts";    and ${id}: [${id}List]`,
    `Then: npm run check, npm start, roost kit enable ${id}. docs/guide/write-a-kit.md goes on from here.`,
  ];
}

function manifestText(id: string, title: string): string {
  return `import { defineKit } from "@roost/contract/kit";

/** What this kit knows. */
export const ${id}Kit = defineKit({
  id: "${id}",
  title: "${title}",
  about: "One plain sentence for somebody who decides whether to switch it on.",
  deviceKinds: {
    "${id}-device": {
      title: "${title} device",
      metrics: {
        temperature: { unit: "°C", min: -40, max: 85, precision: 1, about: "What is measured, and where." },
      },
    },
  },
});
`;
}

function serverText(id: string, title: string): string {
  return `import { defineKitServer } from "@roost/contract/kit-host";
import { defineRoute } from "@roost/contract/route";
import { z } from "zod";

import { ${id}Kit } from "./kit.ts";

export const ${id}List = defineRoute({
  operation: "${id}List",
  method: "GET",
  path: "/api/v1/kits/${id}/devices",
  access: "devices:read",
  summary: "Lists the devices of the kit by name.",
  reply: z.object({ items: z.array(z.object({ deviceId: z.string(), name: z.string() })) }),
});

/** The server face of ${title}. */
export const ${id}Server = defineKitServer(${id}Kit, {
  routes: [${id}List],
  create: (host) => ({
    mount(mount) {
      mount(${id}List, async ({ caller }) => {
        const devices = await host.devices.listOwn(caller);
        return { items: devices.map(({ id: deviceId, name }) => ({ deviceId, name })) };
      });
    },
  }),
});
`;
}
