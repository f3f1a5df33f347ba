import type { Route } from "@roost/contract/route";

/** The routes of each kit, by its id: for the server, the reference and the tests that walk all routes. */
export const kitRoutes: Readonly<Record<string, readonly Route[]>> = {};
