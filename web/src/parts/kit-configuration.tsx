import { webFaces } from "@roost/kits/web-faces.tsx";
import { useQuery } from "@tanstack/react-query";
import { type ReactNode, Suspense } from "react";

import { useApi } from "../roost.tsx";
import { KitHere } from "./kit-link.tsx";

/** How a device is set, as the kit of its kind shows it; `children` where no kit that is switched on does. */
export function KitConfiguration({
  device: { id, kind },
  fallback,
  children,
}: {
  readonly device: { readonly id: string; readonly kind: string };
  readonly fallback: ReactNode;
  readonly children: ReactNode;
}) {
  const face = webFaces.find(({ configurations }) => configurations?.[kind] !== undefined);
  const kits = useQuery({ ...useApi().kits(), enabled: face !== undefined });
  const Configuration = face?.configurations?.[kind];
  if (face === undefined || Configuration === undefined || kits.isError) return children;
  if (kits.data === undefined) return fallback;
  if (kits.data.items.find((kit) => kit.id === face.kitId)?.on !== true) return children;
  return (
    <KitHere kitId={face.kitId} params={{}}>
      <Suspense fallback={fallback}>
        <Configuration deviceId={id} />
      </Suspense>
    </KitHere>
  );
}
