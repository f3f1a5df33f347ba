import { lazy, Suspense } from "react";

import { Shell } from "../../parts/shell.tsx";
import { PageWaiting } from "../../parts/waiting.tsx";
import { useSession } from "../../roost.tsx";

const ClosedFrame = lazy(async () => ({ default: (await import("./closed-frame.tsx")).ClosedFrame }));

/** The frame for people who signed in; of an organisation that is closed another one. */
export function Frame() {
  const { isClosed } = useSession().organisation;
  if (!isClosed) return <Shell />;
  return (
    <Suspense fallback={<PageWaiting />}>
      <ClosedFrame />
    </Suspense>
  );
}
