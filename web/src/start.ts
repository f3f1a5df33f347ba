import { isAppError } from "@roost/contract/errors";
import { MutationCache, QueryCache, QueryClient } from "@tanstack/react-query";

import { createApi, createBrowserCall, keysOfNoun } from "./api.ts";
import { createLive } from "./live.ts";
import type { Roost } from "./roost.tsx";
import { createAppRouter } from "./router.tsx";
import { keepSame } from "./same.ts";
import { createTicker } from "./ticker.ts";

/** Builds the app's parts and ties them: facts make answers stale, an ended session leads to the sign-in page. */
export function createRoostApp(window: Window) {
  const onError = (error: unknown) => {
    if (isAppError(error, "http.unauthenticated")) toSignIn();
  };
  const queryClient = new QueryClient({
    queryCache: new QueryCache({ onError }),
    mutationCache: new MutationCache({ onError }),
    defaultOptions: {
      queries: {
        structuralSharing: keepSame,
        staleTime: 2_000,
        retry: (count, error) => count < 2 && isAppError(error) && (error.status === 0 || error.status >= 500),
      },
    },
  });
  const api = createApi(createBrowserCall());
  const live = createLive({
    open: (url) => new EventSource(url),
    page: window.document,
    onFact: (noun) => {
      for (const key of keysOfNoun(noun)) void queryClient.invalidateQueries({ queryKey: [key] });
    },
    onResume: () =>
      void queryClient.invalidateQueries({ predicate: ({ queryKey }) => queryKey[0] !== "session" && queryKey[0] !== "setup" }),
    onRefused: () => void queryClient.invalidateQueries({ queryKey: ["session"] }),
  });
  let moved = false;
  const roost: Roost = { api, live, ticker: createTicker(Date.now), hasMoved: () => moved };
  const router = createAppRouter({ roost, queryClient });
  router.subscribe("onBeforeLoad", ({ fromLocation, pathChanged }) => {
    if (fromLocation !== undefined && pathChanged) moved = true;
  });

  let leaving = false;
  function toSignIn() {
    const { href, pathname } = router.state.location;
    if (leaving || pathname === "/sign-in" || pathname === "/set-up") return;
    leaving = true;
    live.stop();
    void router.navigate({ to: "/sign-in", search: { to: href } }).then(() => {
      leaving = false;
      queryClient.clear();
    });
  }

  // After an update the files of the old pages are gone: load the new app, but only where the server is there to give it.
  window.addEventListener("vite:preloadError", () => {
    void fetch("/health").then((answer) => {
      if (answer.ok) window.location.reload();
    });
  });
  return { roost, queryClient, router };
}
