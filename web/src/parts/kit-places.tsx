import { webFaces } from "@roost/kits/web-faces.tsx";
import { useQuery } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";
import type { ReactNode } from "react";

import { useApi, useSession } from "../roost.tsx";
import type { KitPlace } from "./kit-face.ts";

export interface PlaceOfKit extends KitPlace {
  readonly kitId: string;
}

/** Places in the menu of the kits that the organisation has switched on, as far as the person may go there. */
export function useKitPlaces(): readonly PlaceOfKit[] {
  const { permissions } = useSession();
  const { data } = useQuery({ ...useApi().kits(), enabled: webFaces.length > 0 && permissions.includes("organisation:read") });
  const on = new Set(data?.items.filter((kit) => kit.on).map(({ id }) => id));
  return webFaces
    .filter(({ kitId }) => on.has(kitId))
    .flatMap(({ kitId, places }) => places.map((place) => ({ ...place, kitId })))
    .filter(({ needs }) => needs === undefined || permissions.includes(needs));
}

/** The way to a place of a kit. What a menu gives its items goes on to the link. */
export function KitPlaceLink({
  place,
  className,
  children,
  ...rest
}: {
  readonly place: PlaceOfKit;
  readonly className?: string | undefined;
  readonly children: ReactNode;
}) {
  return (
    <Link
      to="/kits/$kitId/$"
      params={{ kitId: place.kitId, _splat: place.path }}
      activeOptions={{ exact: place.path === "", includeSearch: false }}
      {...(className === undefined ? {} : { className })}
      {...rest}
    >
      {children}
    </Link>
  );
}
