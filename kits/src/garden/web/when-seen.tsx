import { useSeen } from "@roost/web/parts/chart-card.tsx";
import { Bone } from "@roost/web/parts/waiting.tsx";
import { type ReactNode, Suspense, useRef } from "react";

/** A part far down a page: loaded when it comes near, its place kept until then. */
export function WhenSeen({ height, children }: { readonly height: number; readonly children: ReactNode }) {
  const place = useRef<HTMLDivElement>(null);
  const seen = useSeen(place);
  return <div ref={place}>{seen ? <Suspense fallback={<Bone height={height} />}>{children}</Suspense> : <Bone height={height} />}</div>;
}
