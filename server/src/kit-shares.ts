import type { KitServerFace, KitTableShare } from "@roost/contract/kit-host";
import { identifier, join, sql } from "@roost/contract/sql";

import { erasedWith, here } from "./modules/personal/personal-share.ts";
import type { DeviceSubject, PersonSubject, TableShare } from "./modules/personal/personal-share.ts";

/** What kits keep of people and devices, as exports and erasures walk it; what holds nothing of anybody is not in it. */
export function kitShares(faces: readonly Pick<KitServerFace, "personal">[]): TableShare[] {
  return faces.flatMap(({ personal = [] }) => personal).flatMap(shareOf);
}

function shareOf({ table, about, people = [], words = [], device, withheld }: KitTableShare): TableShare[] {
  if (people.length === 0 && words.length === 0 && device === undefined) return [];
  const byPerson = (s: PersonSubject) =>
    join(
      people.map((column) => sql`lower(t.${identifier(column)}) = lower(${s.email ?? null}::text)`),
      sql` or `,
    );
  return [
    {
      table,
      about,
      ...(withheld === undefined ? {} : { withheld }),
      ...(people.length + words.length === 0 ? {} : { words: [...people, ...words] }),
      ...(people.length === 0
        ? {}
        : { person: { rows: (s: PersonSubject) => sql`${here(s)} and (${byPerson(s)})`, erase: "name" } as const }),
      ...(device === undefined
        ? {}
        : {
            device: {
              rows: (s: DeviceSubject) => sql`${here(s)} and ${aboutDevice(device, s)}`,
              erase: device.erase,
              ...(device.erase === "with" ? { why: erasedWith("devices") } : {}),
            },
          }),
    },
  ];
}

function aboutDevice({ column, isJson }: NonNullable<KitTableShare["device"]>, { id }: DeviceSubject) {
  return isJson === true
    ? sql`jsonb_path_exists(t.${identifier(column)}, '$.**.deviceId ? (@ == $id)', jsonb_build_object('id', ${id}::text))`
    : sql`t.${identifier(column)} = ${id}`;
}
