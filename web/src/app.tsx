import { localStorageColorSchemeManager, MantineProvider } from "@mantine/core";
import { type QueryClient, QueryClientProvider } from "@tanstack/react-query";
import { RouterProvider } from "@tanstack/react-router";

import { type Roost, RoostProvider } from "./roost.tsx";
import type { AppRouter } from "./router.tsx";
import { theme } from "./theme.ts";

const colourSchemes = localStorageColorSchemeManager({ key: "roost-colour-scheme" });

export function App({
  roost,
  queryClient,
  router,
}: {
  readonly roost: Roost;
  readonly queryClient: QueryClient;
  readonly router: AppRouter;
}) {
  return (
    <MantineProvider
      theme={theme}
      defaultColorScheme="auto"
      colorSchemeManager={colourSchemes}
      withCssVariables={false}
      withGlobalClasses={false}
    >
      <QueryClientProvider client={queryClient}>
        <RoostProvider roost={roost}>
          <RouterProvider router={router} />
        </RoostProvider>
      </QueryClientProvider>
    </MantineProvider>
  );
}
