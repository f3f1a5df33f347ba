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
