import { useEffect, useState } from "react";

/**
 * The token of a link that was opened, read once: it stands in the fragment, which no server sees, and is taken out of the address, so that it
 * stays in no history and is sent on by nobody who copies the address.
 */
export function useLinkToken(): string {
  const [token] = useState(() => decode(window.location.hash.replace(/^#(?:token=)?/, "")));
  useEffect(() => {
    if (window.location.hash !== "")
      window.history.replaceState(window.history.state, "", window.location.pathname + window.location.search);
  }, []);
  return token;
}

function decode(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return "";
  }
}
