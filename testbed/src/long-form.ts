/** Says whether the long forms of tests run: `npm run test:long`. */
export const isLong = process.env["ROOST_TEST_LONG"] === "1";
