// Sets the colour scheme before the first paint, so that a dark room stays dark. A file, because the page allows no inline scripts.
(() => {
  let choice = null;
  try {
    choice = localStorage.getItem("roost-colour-scheme");
  } catch {
    // Storage may be forbidden; the system's choice stands then.
  }
  const dark = choice === "dark" || (choice !== "light" && matchMedia("(prefers-color-scheme: dark)").matches);
  document.documentElement.setAttribute("data-mantine-color-scheme", dark ? "dark" : "light");
})();
// Zod tries whether it may compile code as soon as its first shape is made; the page's policy forbids it and would report the try.
// It reads this before any module of the app runs.
globalThis.__zod_globalConfig = { jitless: true };
