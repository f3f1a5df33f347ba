import { webFaces } from "@roost/kits/web-faces.tsx";
import { useQuery } from "@tanstack/react-query";
import { Suspense } from "react";

import { findKitPage } from "../../parts/kit-face.ts";
import { KitHere, useKitAddress } from "../../parts/kit-link.tsx";
import { NotFound } from "../../parts/not-found.tsx";
import { PageWaiting } from "../../parts/waiting.tsx";
import { useApi } from "../../roost.tsx";
import { KitOff } from "./kits-page.tsx";

/** Shows the page of a kit that stands at the address; of a kit that is switched off, how to switch it on. */
export function KitFrame() {
  const { kitId, splat } = useKitAddress();
  const { data } = useQuery(useApi().kits());
  const face = webFaces.find((one) => one.kitId === kitId);
  const found = face === undefined ? undefined : findKitPage(face, splat);
  if (found === undefined) return <NotFound />;
  const kit = data?.items.find(({ id }) => id === kitId);
  if (kit !== undefined && !kit.on) return <KitOff kit={kit} />;
  const Page = found.page.component;
  return (
    <KitHere kitId={kitId} params={found.params}>
      <Suspense fallback={<PageWaiting />}>
        <Page />
      </Suspense>
    </KitHere>
  );
}
